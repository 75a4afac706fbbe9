/** `DELETE /v1/tasks/{id}`: revokes a task that has not started. */
import { getLogger } from "@logtape/logtape";
import { Hono } from "hono";
import type { Broker } from "../../shared/broker/broker.ts";
import { encodeRevoke } from "../../shared/celery/control.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { ResultCache } from "../cache.ts";
import { fieldProblem, Problem } from "../problem.ts";
import { isPossibleId, noRecord, readQuery } from "../query.ts";
import { isYoung, pendingRecord, recordJson } from "../record.ts";

/** What the route works with. */
export interface RevokeParts {
  readonly store: Pick<ResultStore, "find" | "revoke">;
  readonly broker: Pick<Broker, "publish">;
  readonly cache: ResultCache;
}

/** Revokes: the record is what counts, as each worker reads it before it runs a task; the broadcast only makes it known sooner, and to Celery's workers.
 *
 * An id without a record is refused unless `?unrecorded=true`: it may be a slip, or a task that another
 * system has queued. */
export function revokeRoutes({ store, broker, cache }: RevokeParts): Hono {
  return new Hono().delete("/tasks/:id", async (c) => {
    const id = c.req.param("id");
    const { unrecorded = "false" } = readQuery(c.req.queries(), ["unrecorded"]);
    if (unrecorded !== "true" && unrecorded !== "false") {
      throw fieldProblem("unrecorded", "expected true or false", ["true", "false"]);
    }
    if (!isPossibleId(id)) throw noRecord(id);
    const mayBeNew = unrecorded === "true" || isYoung(id, Date.now());
    if (!mayBeNew && !(await store.find(id))) throw noRecord(id);

    const { revoked, state } = await store.revoke(id, "revoked");
    if (!revoked) {
      throw new Problem(
        "not-revocable",
        `Cannot revoke task '${id}' as it is ${state} already: only a task that has not started can be revoked`,
      );
    }
    cache.drop(id);
    await broker.publish(encodeRevoke([id]), { mandatory: false }).catch((error) => {
      getLogger(["celeriac", "api"]).info("Cannot broadcast the revoke of {id}: {error}", {
        id,
        error,
      });
    });
    const record = await store.find(id) ??
      { ...pendingRecord(id, new Date()), state: "REVOKED" as const };
    return c.body(recordJson(record), 200, {
      "content-type": "application/json",
      "cache-control": "no-store",
    });
  });
}
