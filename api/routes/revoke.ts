/** `DELETE /v1/tasks/{id}`: revokes a task that has not started, or terminates a running one. */
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
import { isYoung, pendingRecord } from "../reading/record.ts";
import { visible, visibleJson } from "../reading/visible_record.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf } from "../access/request_caller.ts";

/** Dependencies of the route. */
export interface RevokeParts {
  readonly store: Pick<ResultStore, "find" | "revoke">;
  readonly broker: Pick<Broker, "publish">;
  readonly cache: ResultCache;
  readonly clock: Clock;
  readonly trail: AuditTrail;
}

/** Revokes a task in its record, which each worker reads before it runs the task. The broadcast is faster, and reaches Celery's workers.
 *
 * An id without a record needs `?unrecorded=true`: it may be a typing error, or a task that another
 * system has queued. With `?terminate=true` the worker of a running task terminates it and then writes
 * the record. The response is 202, or 503 if the broadcast failed, because nothing else reaches the worker. */
export function revokeRoutes({ store, broker, cache, clock, trail }: RevokeParts): Hono {
  return new Hono().delete("/tasks/:task", async (c) => {
    const id = c.req.param("task");
    const query = readQuery(c.req.queries(), ["unrecorded", "terminate"]);
    const unrecorded = isTrue("unrecorded", query.unrecorded);
    const terminate = isTrue("terminate", query.terminate);
    if (!isLabel(id)) throw noRecord(id);
    const caller = callerOf(c);
    // Without a record nothing says whether a limited caller may revoke the task.
    const mayBeNew = caller.seesEverything && (unrecorded || isYoung(id, clock.now()));
    if (!mayBeNew && !visible(caller, await store.find(id))) throw noRecord(id);
    await trail.begin(c, { target: id, filter: { unrecorded, terminate } });

    const { revoked, state } = await store.revoke(id, "revoked");
    const runs = !revoked && state !== null && !isFinal(state);
    if (!revoked && !(runs && terminate)) {
      throw new Problem(
        "not-revocable",
        runs
          ? `Cannot revoke task '${id}' because it is already ${state}: add ?terminate=true to terminate it`
          : `Cannot revoke task '${id}' because it is already ${state}: a final state does not change`,
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
    return c.body(visibleJson(caller, record), runs ? 202 : 200, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
  });
}

function isTrue(name: string, given = "false"): boolean {
  if (given === "true" || given === "false") return given === "true";
  throw fieldProblem(name, "expected true or false", ["true", "false"]);
}
