/** `DELETE /v1/tasks/{id}`: revokes a task that has not started, or ends one that runs. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import type { Broker } from "../../shared/broker/broker.ts";
import { encodeRevoke } from "../../shared/celery/control.ts";
import { isFinal } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { ResultCache } from "../http/cache.ts";
import { fieldProblem, Problem } from "../http/problem.ts";
import { isLabel } from "../http/label.ts";
import { noRecord, readQuery } from "../http/query.ts";
import { isYoung, pendingRecord, recordJson } from "../reading/record.ts";

/** What the route works with. */
export interface RevokeParts {
  readonly store: Pick<ResultStore, "find" | "revoke">;
  readonly broker: Pick<Broker, "publish">;
  readonly cache: ResultCache;
  readonly clock: Clock;
}

/** Revokes: the record is what counts, as each worker reads it before it runs a task; the broadcast only makes it known sooner, and to Celery's workers.
 *
 * An id without a record is refused unless `?unrecorded=true`: it may be a slip, or a task that another
 * system has queued. With `?terminate=true` a task that runs is ended by its worker, which then writes the
 * record: the answer is 202, and a 503 when the broadcast could not be sent, as here it is all there is. */
export function revokeRoutes({ store, broker, cache, clock }: RevokeParts): Hono {
  return new Hono().delete("/tasks/:task", async (c) => {
    const id = c.req.param("task");
    const query = readQuery(c.req.queries(), ["unrecorded", "terminate"]);
    const unrecorded = isTrue("unrecorded", query.unrecorded);
    const terminate = isTrue("terminate", query.terminate);
    if (!isLabel(id)) throw noRecord(id);
    const mayBeNew = unrecorded || isYoung(id, clock.now());
    if (!mayBeNew && !(await store.find(id))) throw noRecord(id);

    const { revoked, state } = await store.revoke(id, "revoked");
    const runs = !revoked && state !== null && !isFinal(state);
    if (!revoked && !(runs && terminate)) {
      throw new Problem(
        "not-revocable",
        runs
          ? `Cannot revoke task '${id}' because it is ${state} already: give ?terminate=true to end it`
          : `Cannot revoke task '${id}' because it is ${state} already: its final state stays`,
      );
    }
    cache.drop(id);
    await broker.publish(encodeRevoke([id], { terminate }), { mandatory: false }).catch((error) => {
      if (runs) throw error;
      getLogger(["celeriac", "api"]).info("Cannot broadcast the revoke of {id}: {error}", {
        id,
        error,
      });
    });
    const record = await store.find(id) ??
      { ...pendingRecord(id, clock.now()), state: "REVOKED" as const };
    return c.body(recordJson(record), runs ? 202 : 200, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
  });
}

function isTrue(name: string, given = "false"): boolean {
  if (given === "true" || given === "false") return given === "true";
  throw fieldProblem(name, "expected true or false", ["true", "false"]);
}
