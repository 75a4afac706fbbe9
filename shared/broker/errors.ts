/** Why a broker did not do what it was asked for, as errors of ours. */
import {
  BrokerUnavailable,
  CeleriacError,
  InvalidInput,
  NotSent,
  TopologyMissing,
  Unroutable,
} from "../errors.ts";
import { codeOf, replyText } from "./amqp/reason.ts";
import type { BrokerStatus } from "./broker.ts";
import type { Message } from "./message.ts";

/** The command that makes what is missing on a broker. */
export const REMEDY = "run `deno task definitions apply`";

/** Deliveries that a consumer may hold at most. */
export const MAX_PREFETCH = 65_535;

/** There is no connection that takes messages. */
export function unavailable(message: Message, status: BrokerStatus): NotSent {
  const reason = status.reason ??
    (status.state === "stopped" ? "the broker connection is stopped" : "it is not connected yet");
  return new NotSent(`${cannotPublish(message)} because ${reason}: try again later`);
}

/** The broker was told to stop, and does not start again. */
export function stopped(): BrokerUnavailable {
  return new BrokerUnavailable("Cannot use the broker because it is stopped");
}

/** The broker returned a mandatory message. */
export function unroutable(message: Message): Unroutable {
  const why = message.exchange === ""
    ? `there is no queue '${message.routingKey}'`
    : "no queue is bound for this routing key";
  return new Unroutable(`${cannotPublish(message)} because ${why}: ${REMEDY}`);
}

/** There is no exchange of that name. */
export function missingExchange(message: Message, cause?: unknown): TopologyMissing {
  return new TopologyMissing(
    `${cannotPublish(message)} because there is no such exchange: ${REMEDY}`,
    {
      cause,
    },
  );
}

/** A reply could not be told from others. */
export function uncorrelated(): InvalidInput {
  return new InvalidInput(
    "Cannot wait for a reply because the message has no correlation id: set one",
    "properties.correlationId",
  );
}

/** The journal of a broker in memory did not take the message. */
export function unjournaled(message: Message, cause: unknown): BrokerUnavailable {
  return new BrokerUnavailable(
    `${cannotPublish(message)} because the journal did not take it: try again later`,
    { cause },
  );
}

/** amqplib could not send it: it does not fit the protocol, or the channel was closed a moment before. */
export function unsendable(message: Message, error: unknown): Error {
  if (error instanceof CeleriacError) return error;
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof RangeError) {
    const remedy = "send less or simpler headers (64 KiB at most)";
    return new InvalidInput(
      `${cannotPublish(message)} because its headers cannot be encoded (${text}): ${remedy}`,
      "headers",
      {
        cause: error,
      },
    );
  }
  if (error instanceof TypeError) {
    return new InvalidInput(
      `${cannotPublish(message)} because ${text}: fix the message`,
      undefined,
      {
        cause: error,
      },
    );
  }
  return new BrokerUnavailable(
    `${cannotPublish(message)} because the channel was closed (${text}): try again later`,
    {
      cause: error,
    },
  );
}

/** The bound passed before the broker confirmed the message, or before it could be sent at all. */
export function tooLate(message: Message, sent: boolean, waitedMs: number): BrokerUnavailable {
  const waited = Math.round(waitedMs);
  return sent
    ? new BrokerUnavailable(
      `${
        cannotPublish(message)
      } because the broker did not confirm it within ${waited} ms: try again later; it may have been taken all the same`,
    )
    : new NotSent(
      `${
        cannotPublish(message)
      } because the broker did not take it within ${waited} ms: try again later`,
    );
}

/** Too much waits for its turn already. */
export function crowded(message: Message): NotSent {
  return new NotSent(
    `${cannotPublish(message)} because too much waits for the broker already: try again later`,
  );
}

/** The message was not sent, because earlier ones to its destination are not confirmed. */
export function unsent(message: Message): NotSent {
  return new NotSent(
    `${
      cannotPublish(message)
    } because earlier messages to it are not confirmed: see whether its queue has a leader and a majority of its members`,
  );
}

/** The destination confirmed nothing of all that was in flight. */
export function unanswered(message: Message): BrokerUnavailable {
  return new BrokerUnavailable(
    `${
      cannotPublish(message)
    } because the broker confirms nothing that is sent there: try again later`,
  );
}

/** The queue refused the message: its length limit is reached and it overflows by refusing. */
export function refused(message: Message): BrokerUnavailable {
  return new BrokerUnavailable(
    `${
      cannotPublish(message)
    } because its queue refused it (full, or going down): try again later, or raise the queue's limit`,
  );
}

/** The channel closed before the confirm. One bad message takes the confirms of all: the guilty one gets the true reason, the others may try again.
 *
 * @param fault what closed the channel; `undefined` when the whole connection was lost
 * @param alone whether nothing else was in flight */
export function channelClosed(message: Message, fault: unknown, alone: boolean): Error {
  const text = fault === undefined ? "the connection was lost" : replyText(fault);
  const { exchange } = message;
  const named = text.includes(`exchange '${exchange === "" ? "amq.default" : exchange}'`);
  const code = codeOf(fault);
  if (code === 404 && named) return missingExchange(message, fault);
  if (code === 403 && named) {
    return new TopologyMissing(
      `${cannotPublish(message)} because this user has no right to write there: ${REMEDY}`,
      { cause: fault },
    );
  }
  const tooLarge = /message size (\d+) is larger than configured max size (\d+)/.exec(text);
  if (tooLarge && Number(tooLarge[1]) === message.body.length) {
    return new InvalidInput(
      `${cannotPublish(message)} because its body has ${tooLarge[1]} bytes and the broker takes ${
        tooLarge[2]
      }: send less`,
      "body",
      {
        cause: fault,
      },
    );
  }
  if (code === 406 && alone) {
    return new InvalidInput(
      `${cannotPublish(message)} because the broker refuses it (${text}): fix the message`,
      undefined,
      { cause: fault },
    );
  }
  return new BrokerUnavailable(
    `${
      cannotPublish(message)
    } because its channel was closed before the confirm (${text}): try again later`,
    {
      cause: fault,
    },
  );
}

/** Refuses a prefetch that does not fit AMQP's 16 bits, and 0, which there means "no bound".
 *
 * @throws {InvalidInput} */
export function checkPrefetch(queue: string, prefetch: number): void {
  if (Number.isInteger(prefetch) && prefetch >= 1 && prefetch <= MAX_PREFETCH) return;
  throw new InvalidInput(
    `Cannot consume from queue '${queue}' because a prefetch of ${prefetch} is no whole number from 1 to ${MAX_PREFETCH}: choose another`,
    "prefetch",
  );
}

/** Another connection holds the exclusive queue of this name. */
export function nameTaken(queue: string, cause?: unknown): InvalidInput {
  return new InvalidInput(
    `Cannot listen through queue '${queue}' because another connection holds that name: take another`,
    "queue",
    { cause },
  );
}

function cannotPublish({ exchange, routingKey }: Message): string {
  return exchange === ""
    ? `Cannot publish to queue '${routingKey}'`
    : `Cannot publish to exchange '${exchange}' with routing key '${routingKey}'`;
}
