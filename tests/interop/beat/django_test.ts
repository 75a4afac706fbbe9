/** django-celery-beat: its scheduler with our worker, and its rows with our schedulers. */
import { assertEquals, assertMatch } from "@std/assert";
import type { StackName } from "../../support/celery_stacks.ts";
import { eventually } from "../../support/eventually.ts";
import type { Process } from "../../support/process.ts";
import { startBeat, startWorker } from "../../support/roles.ts";
import { freshShop, type Shop } from "../../support/shop.ts";
import { stacksHere } from "../../support/stacks_here.ts";

const SETTINGS = new URL("beat_settings.py", import.meta.url);
const ROWS = new URL("rows.py", import.meta.url);
const PATIENCE = { within: 90 };

interface Row {
  readonly name: string;
  readonly args: string;
  readonly enabled: boolean;
  readonly total_run_count: number;
}

type Report = Record<string, Row>;

async function report(shop: Shop): Promise<Report> {
  return JSON.parse(await shop.script(ROWS, ["report"]));
}

/** Prices in the results of the shop's task. */
async function prices(shop: Shop): Promise<number[]> {
  const rows = await shop.pipeline.rows<{ result: string }>(
    `select result from django_celery_results_taskresult
     where task_name = 'shop.tasks.shipping' and status = 'SUCCESS'`,
  );
  return rows.map(({ result }) => Number(result));
}

/** Number of results of a row. Each row has a unique weight, and one result costs 1500. */
function count(found: readonly number[], { args }: Row): number {
  return found.filter((price) => `[${price / 1500}]` === args).length;
}

function shopOf(name: StackName): Promise<Shop> {
  return freshShop(name, { settings: SETTINGS });
}

for (const name of await stacksHere()) {
  Deno.test(`celery beat -S django (${name}) schedules our tasks`, async () => {
    await using shop = await shopOf(name);
    await shop.script(ROWS, ["one"]);
    await using _worker = await startWorker({ env: shop.env });
    await using beat = shop.celery(
      "beat",
      "-S",
      "django",
      "-l",
      "INFO",
      "--pidfile=",
      "--max-interval=1",
    );
    await eventually("three results", async () => (await prices(shop)).length >= 3, PATIENCE)
      .catch((error) => {
        throw new Error(`${error.message}\n${beat.output}`);
      });
    assertEquals(new Set(await prices(shop)), new Set([1500]));
  });
}

Deno.test("rows of django-celery-beat (c57) fire once with two of our schedulers, whichever leads", async (test) => {
  await using shop = await shopOf("c57");
  await shop.script(ROWS, ["all"]);
  await using _worker = await startWorker({ env: shop.env });
  await using _python = await shop.pythonWorker("--without-mingle", "--without-gossip");
  const env = { ...shop.env, CELERIAC_BEAT_LEASE: "2", CELERIAC_DJANGO_SCHEDULES: "celery" };
  await using stack = new AsyncDisposableStack();
  const beats: Process[] = [];
  for (let count = 0; count < 2; count++) {
    const { beat } = await startBeat({ env });
    beats.push(stack.use(beat));
  }
  const leader = await eventually(
    "a leader",
    () => beats.find(({ output }) => output.includes("This scheduler is the leader now")),
    PATIENCE,
  );
  const made = await report(shop);
  const of = async (name: string) => count(await prices(shop), made[name]!);
  await eventually("the first results", async () => {
    const found = await prices(shop);
    return ["at a time", "once", "from now on", "late"].every((name) =>
      count(found, made[name]!) > 0
    ) && count(found, made["each second"]!) >= 2;
  }, PATIENCE).catch((error) => {
    throw new Error(`${error.message}\n${beats.map(({ output }) => output).join("\n")}`);
  });
  const before = await of("each second");
  leader.kill("SIGKILL");
  await eventually(
    "results after the take-over",
    async () => await of("each second") >= before + 3,
    PATIENCE,
  );
  await shop.script(ROWS, ["off"]);
  const rows = await report(shop);
  const counted = ["each second", "at a time", "once", "from now on", "late"];
  const found = await eventually("all results", async () => {
    const found = await prices(shop);
    return counted.every((name) => count(found, rows[name]!) >= rows[name]!.total_run_count) &&
      found;
  }, PATIENCE);
  const said = beats.map(({ output }) => output).join("\n");

  await test.step("each counted run of a row is one task", () => {
    for (const name of counted) {
      assertEquals(count(found, rows[name]!), rows[name]!.total_run_count, name);
    }
    for (const name of ["at a time", "once", "from now on"]) {
      assertEquals(count(found, rows[name]!), 1, name);
    }
  });

  await test.step("finished and forbidden rows are disabled", () => {
    const enabled = Object.fromEntries(
      Object.entries(rows).map(([name, { enabled }]) => [name, enabled]),
    );
    const { "at a time": clocked, once, expired, "from now on": begun } = enabled;
    assertEquals({ clocked, once, expired, begun }, {
      clocked: false,
      once: false,
      expired: false,
      begun: true,
    });
    for (
      const name of [
        "with a start to come",
        "switched off",
        "expired",
        "at sunset",
        "too often",
        "not json",
      ]
    ) {
      assertEquals([name, rows[name]!.total_run_count, count(found, rows[name]!)], [name, 0, 0]);
    }
  });

  await test.step("invalid rows are reported with their reasons", () => {
    assertMatch(
      said,
      /'at sunset' .* is skipped: Cannot schedule the solar event 'sunset'.*use a crontab/,
    );
    assertMatch(
      said,
      /'not json' .* is skipped: Cannot send the task because its args are not a JSON list/,
    );
    assertMatch(
      said,
      /'too often' .* is skipped: Cannot use interval 0\.000005 because it is not 1 to/,
    );
  });

  await test.step("a Python task goes to a Python worker", async () => {
    assertEquals(rows["in python"]!.total_run_count, 1);
    const [row] = await eventually("its result", async () => {
      const rows = await shop.pipeline.rows<{ result: string }>(
        "select result from django_celery_results_taskresult where task_name = 'shop.tasks.total' and status = 'SUCCESS'",
      );
      return rows.length > 0 && rows;
    }, PATIENCE);
    assertEquals(row!.result, "3");
  });
});
