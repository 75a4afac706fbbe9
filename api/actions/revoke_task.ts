/** Revokes a task on behalf of a request. */
import { getLogger } from "@logtape/logtape";
import type { Context } from "hono";
import type { Broker } from "../../shared/broker/broker.ts";
import { encodeRevoke } from "../../shared/celery/control.ts";
import { isFinal, type TaskRecord } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";
import type { Clock } from "../../shared/runtime/clock.ts";
import type { AuditTrail } from "../access/audit_trail.ts";
import { callerOf } from "../access/request_caller.ts";
import type { ResultCache } from "../http/cache.ts";
import { isLabel } from "../http/label.ts";
import { Problem } from "../http/problem.ts";
import { noRecord } from "../http/query.ts";
import { isYoung, pendingRecord } from "../reading/record.ts";
import { visible } from "../reading/visible_record.ts";

/** Dependencies of revoking. */
export interface RevokeParts {
  readonly store: Pick<ResultStore, "find" | "revoke">;
  readonly broker: Pick<Broker, "publish">;
  readonly cache: ResultCache;
  readonly clock: Clock;
  readonly trail: AuditTrail;
}

/** Options of revoking. */
export interface RevokeOptions {
  /** Whether an id without a record may be revoked. Default `false`. */
  readonly unrecorded?: boolean;
  /** Whether a running task is terminated. Default `false`. */
  readonly terminate?: boolean;
}

/** Revokes a task in its record, which each worker reads before it runs the task. The broadcast is faster, and reaches Celery's workers.
 *
 * An id without a record needs `unrecorded`: it may be a typing error, or a task that another
 * system has queued. With `terminate` the worker of a running task terminates it and then writes
 * the record. It fails if the broadcast failed, because nothing else reaches the worker.
 *
 * @returns the record, and whether the task was running
 * @throws {Problem} `no-record` or `not-revocable` */
export async function revokeTask(
  c: Context,
  { store, broker, cache, clock, trail }: RevokeParts,
  id: string,
  { unrecorded = false, terminate = false }: RevokeOptions = {},
): Promise<{ record: TaskRecord; runs: boolean }> {
  if (!isLabel(id)) throw noRecord(id);
  const caller = callerOf(c);
  // Without a record nothing says whether a limited caller may revoke the task.
  const mayBeNew = caller.seesEverything && (unrecorded || isYoung(id, clock.now()));
  if (!mayBeNew && !visible(caller, await store.find(id))) throw noRecord(id);
  await trail.begin(c, { target: id, filter: { unrecorded, terminate } });

  const { runs } = await revokeRecord({ store, broker }, id, { terminate });
  cache.drop(id);
  const record = await store.find(id) ??
    { ...pendingRecord(id, clock.now()), state: "REVOKED" as const };
  return { record, runs };
}

/** Revokes a task in its record and broadcasts the revoke, without checks of rights.
 *
 * @returns whether the task was running, so that a worker terminates it
 * @throws {Problem} `not-revocable` */
export async function revokeRecord(
  { store, broker }: { readonly store: Pick<ResultStore, "revoke"> } & Pick<RevokeParts, "broker">,
  id: string,
  { terminate }: { readonly terminate: boolean },
): Promise<{ runs: boolean }> {
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
  await broker.publish(encodeRevoke([id], { terminate }), { mandatory: false }).catch((error) => {
    if (runs) throw error;
    getLogger(["celeriac", "api"]).info("Cannot broadcast the revoke of {id}: {error}", {
      id,
      error,
    });
  });
  return { runs };
}
