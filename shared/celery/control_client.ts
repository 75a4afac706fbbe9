/** Sends Celery remote control commands to Python and Celeriac workers. */
import type { Broker } from "../broker/broker.ts";
import { type ControlCommand, decodeReply, encodeRequest, REPLY_EXCHANGE } from "./control.ts";
import { Malformed, Unroutable } from "../errors.ts";

/** Options of {@linkcode requestReplies}. */
export interface CollectOptions {
  /** Milliseconds to collect replies. Ends earlier once every node of the destination has replied. */
  readonly timeoutMs: number;
  /** Name of the exclusive reply queue. Default: the broker chooses one. */
  readonly queue?: string;
  /** Stops collecting. The replies received so far are returned. */
  readonly signal?: AbortSignal;
}

/** Sends a command and collects the replies.
 *
 * @returns JSON by node; empty when no worker received the command
 * @throws {BrokerUnavailable} when the command could not be sent */
export async function requestReplies(
  broker: Pick<Broker, "listen" | "publish">,
  command: Omit<ControlCommand, "reply">,
  { timeoutMs, queue, signal }: CollectOptions,
): Promise<Record<string, unknown>> {
  const reply = { routingKey: crypto.randomUUID(), ticket: crypto.randomUUID() };
  const pending = new Set(command.destination);
  const replies: Record<string, unknown> = {};
  const done = Promise.withResolvers<void>();
  await using _subscription = await broker.listen(REPLY_EXCHANGE, (message) => {
    try {
      const { ticket, values } = decodeReply(message);
      if (ticket !== reply.ticket) return;
      for (const [node, value] of values) {
        replies[node] = value;
        pending.delete(node);
      }
      if (command.destination?.length && pending.size === 0) done.resolve();
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }, { keys: [reply.routingKey], ...(queue === undefined ? {} : { queue }) });
  const timer = setTimeout(done.resolve, timeoutMs);
  signal?.addEventListener("abort", () => done.resolve(), { once: true });
  if (signal?.aborted) done.resolve();
  try {
    await broker.publish(encodeRequest({ ...command, reply }));
    await done.promise;
  } catch (error) {
    // No queue is bound to the control exchange.
    if (!(error instanceof Unroutable)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return replies;
}
