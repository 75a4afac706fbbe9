/** What a worker that starts asks its neighbours (celery/worker/consumer/mingle.py): which tasks have been revoked, and what time their
 * clocks tell. */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../../shared/broker/broker.ts";
import { encodeRequest } from "../../shared/celery/control.ts";
import { isObject } from "../../shared/celery/shape.ts";
import { BrokerUnavailable, Unroutable } from "../../shared/errors.ts";
import { inquire } from "../../shared/celery/control_client.ts";
import type { ControlContext } from "./control_context.ts";

/** How long neighbours may take to answer: as long as Celery gives them. */
const PATIENCE_MS = 1000;

/** The part of a worker that mingles. */
export type Mingler = Pick<ControlContext, "name" | "clock" | "revocations">;

/** Whether there is anybody to ask. To be found out before this worker itself has an ear on the exchange: while nobody has, a worker
 * need not wait for answers, and no revoke can be missed, as there is nobody who would remember one. */
export async function hasNeighbours(
  broker: Pick<Broker, "publish">,
  { name, clock }: Mingler,
): Promise<boolean> {
  // Meant for this worker alone: those who hear it leave it aside.
  const probe = encodeRequest({ method: "clock", destination: [name], clock: clock.tick() });
  try {
    await broker.publish(probe);
    return true;
  } catch (error) {
    if (error instanceof Unroutable) return false;
    if (error instanceof BrokerUnavailable) return true; // not known: ask
    throw error;
  }
}

/** Asks all, tells them what is revoked here, and takes over what they know. A worker whose neighbours cannot be asked works
 * all the same, as Celery's do. */
export async function mingle(
  broker: Pick<Broker, "listen" | "publish">,
  { name, clock, revocations }: Mingler,
  signal: AbortSignal,
): Promise<void> {
  const question = {
    method: "hello",
    arguments: { from_node: name, revoked: revocations.ids },
    clock: clock.tick(),
  };
  // The name that Celery gives such a queue: a worker's rights reach no further.
  const queue = `${crypto.randomUUID()}.reply.celery.pidbox`;
  try {
    const { [name]: _own, ...answers } = await inquire(broker, question, {
      timeoutMs: PATIENCE_MS,
      queue,
      signal,
    });
    for (const answer of Object.values(answers)) {
      if (!isObject(answer)) continue;
      if (typeof answer["clock"] === "number") clock.hear(answer["clock"]);
      revocations.add(revokedIds(answer["revoked"]));
    }
    const count = Object.keys(answers).length;
    if (count > 0) {
      logger.info("Heard of {count} other workers; {revoked} tasks are revoked", {
        count,
        revoked: revocations.ids.length,
      });
    }
  } catch (error) {
    if (!(error instanceof BrokerUnavailable)) throw error;
    logger.warn("Other workers were not asked what is revoked: {error}", { error });
  }
}

/** Ids that a worker tells of: a list, or before Celery 5.7 an object by id. */
export function revokedIds(told: unknown): string[] {
  const ids = Array.isArray(told) ? told : isObject(told) ? Object.keys(told) : [];
  return ids.filter((id) => typeof id === "string");
}

const logger = getLogger(["celeriac", "worker"]);
