/** Sends Celery remote control commands to Python and Celeriac workers. */
import type { Broker } from "../broker/broker.ts";
import { decodeReply, encodeRequest, type Question, REPLY_EXCHANGE } from "./control.ts";
import { Malformed, Unroutable } from "../errors.ts";

/** Options of {@linkcode inquire}. */
export interface InquiryOptions {
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
export async function inquire(
  broker: Pick<Broker, "listen" | "publish">,
  question: Omit<Question, "answer">,
  { timeoutMs, queue, signal }: InquiryOptions,
): Promise<Record<string, unknown>> {
  const answer = { routingKey: crypto.randomUUID(), ticket: crypto.randomUUID() };
  const wanted = new Set(question.destination);
  const answers: Record<string, unknown> = {};
  const over = Promise.withResolvers<void>();
  await using _subscription = await broker.listen(REPLY_EXCHANGE, (message) => {
    try {
      const { ticket, values } = decodeReply(message);
      if (ticket !== answer.ticket) return;
      for (const [node, value] of values) {
        answers[node] = value;
        wanted.delete(node);
      }
      if (question.destination?.length && wanted.size === 0) over.resolve();
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }, { keys: [answer.routingKey], ...(queue === undefined ? {} : { queue }) });
  const timer = setTimeout(over.resolve, timeoutMs);
  signal?.addEventListener("abort", () => over.resolve(), { once: true });
  if (signal?.aborted) over.resolve();
  try {
    await broker.publish(encodeRequest({ ...question, answer }));
    await over.promise;
  } catch (error) {
    // No queue is bound to the control exchange.
    if (!(error instanceof Unroutable)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return answers;
}
