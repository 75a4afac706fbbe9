/** Requests the revoked ids and logical clocks of other workers when this worker starts (celery/worker/consumer/mingle.py). */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import { encodeRequest } from "../../shared/celery/control.ts";
import { isObject } from "../../shared/celery/shape.ts";
import { BrokerUnavailable, Unroutable } from "../../shared/errors.ts";
import { requestReplies } from "../../shared/celery/control_client.ts";
import type { ControlContext } from "./control_context.ts";

/** Milliseconds to wait for replies, as in Celery. */
const REPLY_MS = 1000;

/** The worker's state that is exchanged. */
export type Mingler = Pick<ControlContext, "name" | "clock" | "revocations">;

/** Whether other workers are running. Call this before this worker binds its own queue to the exchange. Without other workers there are no
 * replies to wait for, and no revoked ids to miss. */
export async function hasNeighbours(
  broker: Pick<Broker, "publish">,
  { name, clock }: Mingler,
): Promise<boolean> {
  // Addressed to this worker, so that other workers ignore it.
  const probe = encodeRequest({ method: "clock", destination: [name], clock: clock.tick() });
  try {
    await broker.publish(probe);
    return true;
  } catch (error) {
    if (error instanceof Unroutable) return false;
    if (error instanceof BrokerUnavailable) return true; // unknown: send the request
    throw error;
  }
}

/** Sends the revoked ids of this worker to all others and adds theirs. If the request fails, the worker starts anyway, as in Celery. */
export async function mingle(
  broker: Pick<Broker, "listen" | "publish">,
  { name, clock, revocations }: Mingler,
  signal: AbortSignal,
): Promise<void> {
  const command = {
    method: "hello",
    arguments: { from_node: name, revoked: revocations.ids },
    clock: clock.tick(),
  };
  // Celery's name for such a queue; a worker has no rights on other names.
  const queue = `${crypto.randomUUID()}.reply.celery.pidbox`;
  try {
    const { [name]: _own, ...replies } = await requestReplies(broker, command, {
      timeoutMs: REPLY_MS,
      queue,
      signal,
    });
    for (const answer of Object.values(replies)) {
      if (!isObject(answer)) continue;
      if (typeof answer["clock"] === "number") clock.adjust(answer["clock"]);
      revocations.add(revokedIds(answer["revoked"]));
    }
    const count = Object.keys(replies).length;
    if (count > 0) {
      logger.info("Received replies of {count} other workers; {revoked} tasks are revoked", {
        count,
        revoked: revocations.ids.length,
      });
    }
  } catch (error) {
    if (!(error instanceof BrokerUnavailable)) throw error;
    logger.warn("Cannot request the revoked tasks of other workers: {error}", { error });
  }
}

/** Revoked ids in a reply: a list, or before Celery 5.7 an object by id. */
export function revokedIds(told: unknown): string[] {
  const ids = Array.isArray(told) ? told : isObject(told) ? Object.keys(told) : [];
  return ids.filter((id) => typeof id === "string");
}

const logger = getLogger(["celeriac", "worker"]);
