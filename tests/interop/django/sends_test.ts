/** Django sends, we work: what AsyncResult and the admin of old and new releases see of it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freshShop, openShop } from "../../support/shop.ts";
import { stacksHere } from "../../support/stacks_here.ts";

/** What AsyncResult tells. */
interface Seen {
  readonly state: string;
  readonly value?: unknown;
  /** Module, name and the `repr` of each argument. */
  readonly raised?: [string, string, string[]];
  readonly traceback: string | null;
  readonly children: unknown;
  readonly args: unknown;
  readonly kwargs: unknown;
  readonly worker: string | null;
  /** Whether `date_done` is a datetime. */
  readonly done: boolean;
}

type Row = Record<string, unknown> & { meta: { children: unknown; celeriac?: unknown } };

interface Report {
  readonly results: Record<string, Seen>;
  readonly on_the_way: Record<string, unknown>;
  readonly done_after: Record<string, number>;
  readonly rpc: Record<string, unknown>;
  readonly rows: { there: Row; here: Row };
  readonly pages: Record<string, string[]>;
  readonly listed: boolean;
  /** What became of a message to our queue by its bare name. */
  readonly declared: string;
  readonly ignored_rows: number;
  readonly pickled: { status: string; result: string };
  readonly nan: string;
}

const VALUES: Record<string, unknown> = {
  delay: 3000,
  keywords: 28_000,
  mixed: 27_000,
  none: null,
  zipped: "x".repeat(5000),
  bzipped: "y".repeat(5000),
  xzipped: "z".repeat(5000),
  flaky: { attempt: 3 },
  long_id: "long",
  countdown: "later",
  eta: "then",
  progress: { steps: 120 },
  retried: { attempt: 2 },
  protocol1: "old",
  here: 3.5,
  there: 3.5,
};

const RAISED: Record<string, [state: string, module: string, name: string, first?: RegExp]> = {
  refused: ["FAILURE", "shop.errors", "NotServed", /^'XX'$/],
  misfit: ["FAILURE", "builtins", "TypeError", /args\.0: Too small/],
  too_many: ["FAILURE", "builtins", "TypeError", /takes 2 at most: weight, country/],
  unknown: ["FAILURE", "celery.exceptions", "NotRegistered", /^'no\.such\.task'$/],
  rejected: ["FAILURE", "celery.exceptions", "Reject", /^'aside'$/],
  expired: ["REVOKED", "celery.exceptions", "TaskRevokedError", /^'expired'$/],
  expires_while_held: ["REVOKED", "celery.exceptions", "TaskRevokedError", /^'expired'$/],
  limited: ["FAILURE", "billiard.exceptions", "TimeLimitExceeded", /^2$/],
  soft_limited: ["FAILURE", "billiard.exceptions", "SoftTimeLimitExceeded"],
  ended: ["FAILURE", "billiard.exceptions", "TimeLimitExceeded", /^2$/],
  revoked_due: ["REVOKED", "celery.exceptions", "TaskRevokedError", /^'revoked'$/],
  terminated: ["REVOKED", "celery.exceptions", "TaskRevokedError", /^'terminated'$/],
};

for (const name of await stacksHere()) {
  // The older release finds tables as Django makes them, the newer one as we make them.
  const tables = name === "c52" ? "django" : "celeriac";

  Deno.test(`tasks that Django (${name}) sends are worked`, async (test) => {
    await using shop = await freshShop(name, { tables });
    await using _roles = await openShop(shop);
    await using python = await shop.pythonWorker("--without-mingle", "--without-gossip");
    const script = new URL("sends.py", import.meta.url);
    const report: Report = JSON.parse(await shop.script(script, [name], 240_000));
    const { results } = report;

    await test.step("get() returns what the handler returned", () => {
      for (const [kind, value] of Object.entries(VALUES)) {
        const { state, value: found, raised } = results[kind]!;
        assertEquals([state, found, raised], ["SUCCESS", value, undefined], kind);
      }
      const [date, ...rest] = results["typed"]?.value as string[];
      assertEquals([date, rest.slice(0, 2)], [
        "2026-01-02T03:04:05Z",
        ["1.5", "00000000-0000-0000-0000-000000000005"],
      ]);
      assertEquals(report.nan, "None");
      assertMatch(JSON.stringify(results["by_name"]?.value), /\{"ü":\[1,null,true,\d+,"😀"\]\}/);
    });

    await test.step("get() raises the class that Python code expects", () => {
      for (const [kind, [state, module, type, first = /^$/]] of Object.entries(RAISED)) {
        const seen = results[kind]!;
        assertEquals([seen.state, ...seen.raised?.slice(0, 2) ?? []], [state, module, type], kind);
        assertMatch(seen.raised?.[2][0] ?? "", first, kind);
      }
      assertMatch(results["refused"]?.traceback ?? "", /XX\n\s+at .*handlers\.ts/);
      const { status, result } = report.pickled;
      assertEquals([status, JSON.parse(result).exc_type], ["FAILURE", "ContentTypeRefused"]);
    });

    await test.step("args, kwargs, worker, children and date_done are told", () => {
      const { args, kwargs, worker, children, done } = results["mixed"]!;
      assertEquals([args, kwargs, children, done], ["(3,)", "{'country': 'JP'}", [], true]);
      assertMatch(worker ?? "", /^celeriac@/);
    });

    await test.step("states on the way are seen, with their info", () => {
      const { STARTED, PROGRESS, RETRY } = report.on_the_way;
      assertEquals(Object.keys(STARTED as object).sort(), ["hostname", "pid"]);
      assertEquals((PROGRESS as { steps: number }).steps, 120);
      assertMatch(String(RETRY), /^Retry\(/);
    });

    await test.step("nothing runs before its time, and ignored results leave no row", () => {
      for (const [kind, seconds] of Object.entries(report.done_after)) {
        assert(seconds >= 3, `${kind}: done ${seconds} s after it was sent`);
      }
      assertEquals(report.ignored_rows, 0);
    });

    await test.step("a record that says REVOKED keeps its message from running", () => {
      assertEquals(results["revoked_before"]?.state, "REVOKED");
    });

    await test.step("a queue of ours that Celery would declare is refused by the broker", () => {
      assertEquals(report.declared, "PreconditionFailed");
    });

    if (name === "c57") {
      await test.step("a project that delays in the broker reaches us, too", () => {
        assertEquals(results["quorum"]?.value, "quorum");
        assertEquals(results["quorum_soon"]?.value, "quorum_soon");
      });
    }

    await test.step("rpc:// is answered, too", () => {
      assertEquals(report.rpc, { value: "reply", error: "Refusal('no reply',)" });
    });

    await test.step("a row of ours is a row of a Python worker, but for one key of meta", () => {
      const { here, there } = report.rows;
      const { celeriac, ...meta } = here.meta;
      assertEquals({ ...here, meta }, there);
      assert(celeriac);
    });

    await test.step("the admin lists our rows and shows each", () => {
      assertEquals(Object.keys(report.pages), ["200"], JSON.stringify(report.pages));
      assert(report.pages["200"]!.length > 25);
      assert(report.listed);
    });

    assert(python.running);
  });
}
