/** We run tasks from Django; AsyncResult and the admin of old and new releases read the results. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freshShop, openShop } from "../../support/shop.ts";
import { stacksHere } from "../../support/stacks_here.ts";

/** The fields of AsyncResult. */
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
  /** The outcome of a message to our queue by its name alone. */
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
  // The older release uses tables created by Django, the newer one tables created by us.
  const tables = name === "c52" ? "django" : "celeriac";

  Deno.test(`our worker runs tasks that Django (${name}) sends`, async (test) => {
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

    await test.step("args, kwargs, worker, children and date_done are stored", () => {
      const { args, kwargs, worker, children, done } = results["mixed"]!;
      assertEquals([args, kwargs, children, done], ["(3,)", "{'country': 'JP'}", [], true]);
      assertMatch(worker ?? "", /^celeriac@/);
    });

    await test.step("intermediate states are visible with their info", () => {
      const { STARTED, PROGRESS, RETRY } = report.on_the_way;
      assertEquals(Object.keys(STARTED as object).sort(), ["hostname", "pid"]);
      assertEquals((PROGRESS as { steps: number }).steps, 120);
      assertMatch(String(RETRY), /^Retry\(/);
    });

    await test.step("no task runs before its eta, and ignored results leave no row", () => {
      for (const [kind, seconds] of Object.entries(report.done_after)) {
        assert(seconds >= 3, `${kind}: done ${seconds} s after it was sent`);
      }
      assertEquals(report.ignored_rows, 0);
    });

    await test.step("a REVOKED record prevents its message from running", () => {
      assertEquals(results["revoked_before"]?.state, "REVOKED");
    });

    await test.step("the broker refuses Celery's declaration of our queue", () => {
      assertEquals(report.declared, "PreconditionFailed");
    });

    if (name === "c57") {
      await test.step("a project that delays messages in the broker reaches us, too", () => {
        assertEquals(results["quorum"]?.value, "quorum");
        assertEquals(results["quorum_soon"]?.value, "quorum_soon");
      });
    }

    await test.step("rpc:// receives replies, too", () => {
      assertEquals(report.rpc, { value: "reply", error: "Refusal('no reply',)" });
    });

    await test.step("our row equals a Python worker's row, except for one key of meta", () => {
      const { here, there } = report.rows;
      const { celeriac, ...meta } = here.meta;
      assertEquals({ ...here, meta }, there);
      assert(celeriac);
    });

    await test.step("the admin lists and shows our rows", () => {
      assertEquals(Object.keys(report.pages), ["200"], JSON.stringify(report.pages));
      assert(report.pages["200"]!.length > 25);
      assert(report.listed);
    });

    assert(python.running);
  });
}
