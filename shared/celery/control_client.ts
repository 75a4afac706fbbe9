/** Asks workers, of whatever language, by Celery's remote control. */
import type { Broker } from "../broker/broker.ts";
import { decodeReply, encodeRequest, type Question, REPLY_EXCHANGE } from "./control.ts";
import { Malformed, Unroutable } from "../errors.ts";

/** How long to wait. */
export interface InquiryOptions {
  /** Milliseconds in which answers are gathered; less when every node of the question's destination has answered. */
  readonly timeoutMs: number;
  /** Name of the exclusive queue that answers come to; the broker chooses one when absent. */
  readonly queue?: string;
  /** Ends the gathering early: what has been answered so far counts. */
  readonly signal?: AbortSignal;
}

/** Asks, and gathers what each node answers.
 *
 * @returns JSON by node; none when no worker heard it
 * @throws {BrokerUnavailable} when the question could not be sent */
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
    // Nobody has an ear on the control exchange.
    if (!(error instanceof Unroutable)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return answers;
}
