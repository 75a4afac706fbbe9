/** Health endpoints: `/livez`, `/readyz` and `/metrics`, for API and worker. */
import { Hono } from "hono";
import type { BrokerStatus } from "../broker/broker.ts";
import type { Metrics } from "./metrics.ts";

/** The status of one component. */
export interface HealthStatus {
  readonly ok: boolean;
  /** One or two words: `connected`, `unreachable`. */
  readonly state: string;
  /** The reason for operators; never contains a password. */
  readonly reason?: string;
}

/** A health check of one component. */
export interface Check {
  /** Key in the response. */
  readonly name: string;
  look(): HealthStatus | Promise<HealthStatus>;
}

/** Options of the health routes. */
export interface HealthOptions {
  /** Checks whose failure means: restart the process. */
  readonly live: readonly Check[];
  /** Checks whose failure means: send no work. */
  readonly ready: readonly Check[];
  /** Whether all checks of `ready` must pass, or any one. Default `all`. */
  readonly readyWhen?: "all" | "any";
  readonly metrics: Metrics;
}

/** Milliseconds that one check may take: probes time out after a few seconds themselves. */
const CHECK_LIMIT_MS = 2000;

/** Routes that answer 200 when healthy and 503 otherwise, with state and reason of each component. */
export function healthRoutes({ live, ready, readyWhen = "all", metrics }: HealthOptions): Hono {
  const answer = async (checks: readonly Check[], when: "all" | "any") => {
    const verdicts = await Promise.all(
      checks.map(async (check) => [check.name, await bounded(check)] as const),
    );
    const well = checks.length === 0 ||
      (when === "all" ? verdicts.every(([, { ok }]) => ok) : verdicts.some(([, { ok }]) => ok));
    const body = JSON.stringify({ ok: well, checks: Object.fromEntries(verdicts) });
    const headers = { "content-type": "application/json", "cache-control": "no-store" };
    return new Response(body, { status: well ? 200 : 503, headers });
  };
  return new Hono()
    .get("/livez", () => answer(live, "all"))
    .get("/readyz", () => answer(ready, readyWhen))
    .get(
      "/metrics",
      async (c) => c.body(await metrics.render(), 200, { "content-type": metrics.contentType }),
    );
}

async function bounded(check: Check): Promise<HealthStatus> {
  const late = Promise.withResolvers<HealthStatus>();
  const timer = setTimeout(
    () =>
      late.resolve({
        ok: false,
        state: "silent",
        reason: `No answer within ${CHECK_LIMIT_MS / 1000} s`,
      }),
    CHECK_LIMIT_MS,
  );
  try {
    return await Promise.race([check.look(), late.promise]);
  } catch (error) {
    return { ok: false, state: "unreachable", reason: (error as Error).message };
  } finally {
    clearTimeout(timer);
  }
}

/** Checks a broker.
 *
 * @param fine states that count as healthy. A worker consumes while publishing is `blocked`; an API cannot publish then.
 * @param name key in the response
 *
 * @example
 * ```ts
 * import { brokerCheck } from "./health.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const check = brokerCheck({ status: { state: "blocked", reason: "low on memory" } });
 * assertEquals(await check.look(), { ok: false, state: "blocked", reason: "low on memory" });
 * ```
 */
export function brokerCheck(
  broker: { readonly status: BrokerStatus },
  fine: readonly BrokerStatus["state"][] = ["connected"],
  name = "broker",
): Check {
  return {
    name,
    look: () => ({ ok: fine.includes(broker.status.state), ...broker.status }),
  };
}

/** Checks a database: it answers, accepts writes, and has the schema of this version.
 *
 * @param pending names of the migrations that have not run
 * @param readOnly why the database rejects writes; `undefined` when it accepts them */
export function databaseCheck(
  pending: () => Promise<readonly string[]>,
  readOnly: () => Promise<string | undefined>,
): Check {
  return {
    name: "database",
    async look() {
      const unwritable = await readOnly();
      if (unwritable !== undefined) return { ok: false, state: "read-only", reason: unwritable };
      const names = await pending();
      if (names.length === 0) return { ok: true, state: "connected" };
      const reason = `Cannot use the database as migrations are missing (${
        names.join(", ")
      }): run \`deno task migrate\``;
      return { ok: false, state: "not migrated", reason };
    },
  };
}
