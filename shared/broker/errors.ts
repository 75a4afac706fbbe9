/** Constructors of broker errors. */
import {
  BrokerUnavailable,
  CeleriacError,
  InvalidInput,
  NotSent,
  PublishRefused,
  TopologyMissing,
  Unroutable,
} from "../errors.ts";
import { codeOf, replyText } from "./amqp/reason.ts";
import type { BrokerStatus } from "./broker.ts";
import type { Message } from "./message.ts";

/** The command that creates a missing topology. */
export const REMEDY = "run `deno task definitions apply`";

/** Maximum prefetch of a consumer. */
export const MAX_PREFETCH = 65_535;

/** No connection accepts messages. */
export function notConnected(message: Message, status: BrokerStatus): NotSent {
  const reason = status.reason ??
    (status.state === "stopped" ? "the broker connection is stopped" : "it is not connected yet");
  return new NotSent(`${cannotPublish(message)} because ${reason}: try again later`);
}

/** The broker was stopped; it does not start again. */
export function stopped(): BrokerUnavailable {
  return new BrokerUnavailable("Cannot use the broker because it is stopped");
}

/** The counts of a queue cannot be read. */
export function notMeasured(queue: string, reason: string, cause?: unknown): BrokerUnavailable {
  return new BrokerUnavailable(
    `Cannot count the messages of queue '${queue}' because ${reason}: try again later`,
    { cause },
  );
}

/** The broker returned a mandatory message as unroutable. */
export function unroutable(message: Message): Unroutable {
  const why = message.exchange === ""
    ? `there is no queue '${message.routingKey}'`
    : "no queue is bound for this routing key";
  return new Unroutable(`${cannotPublish(message)} because ${why}: ${REMEDY}`);
}

/** The exchange does not exist. */
export function missingExchange(message: Message, cause?: unknown): TopologyMissing {
  return new TopologyMissing(
    `${cannotPublish(message)} because the exchange does not exist: ${REMEDY}`,
    {
      cause,
    },
  );
}

/** A reply cannot be matched to its request without a correlation id. */
export function missingCorrelationId(): InvalidInput {
  return new InvalidInput(
    "Cannot wait for a reply because the message has no correlation id: set one",
    "properties.correlationId",
  );
}

/** The journal of the in-memory broker did not store the message. */
export function journalFailed(message: Message, cause: unknown): BrokerUnavailable {
  return new BrokerUnavailable(
    `${cannotPublish(message)} because the journal did not store it: try again later`,
    { cause },
  );
}

/** amqplib could not send the message: it cannot be encoded, or the channel was just closed. */
export function sendFailed(message: Message, error: unknown): Error {
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

/** The timeout passed before the broker confirmed the message (`sent`), or before the message could be sent. */
export function confirmTimeout(
  message: Message,
  sent: boolean,
  waitedMs: number,
): BrokerUnavailable {
  const waited = Math.round(waitedMs);
  return sent
    ? new BrokerUnavailable(
      `${
        cannotPublish(message)
      } because the broker did not confirm it within ${waited} ms: try again later; it may have been accepted nevertheless`,
    )
    : new NotSent(
      `${cannotPublish(message)} because it could not be sent within ${waited} ms: try again later`,
    );
}

/** The buffer of messages to send is full. */
export function publishQueueFull(message: Message): NotSent {
  return new NotSent(
    `${cannotPublish(message)} because too many messages are waiting to be sent: try again later`,
  );
}

/** The message was not sent because its destination does not confirm earlier messages. */
export function destinationSilent(message: Message): NotSent {
  return new NotSent(
    `${
      cannotPublish(message)
    } because earlier messages to it are not confirmed: check that its queue has a leader and a majority of its members`,
  );
}

/** The destination confirmed none of the messages in flight. */
export function neverConfirmed(message: Message): BrokerUnavailable {
  return new BrokerUnavailable(
    `${
      cannotPublish(message)
    } because the broker confirms no message to this destination: try again later`,
  );
}

/** The queue rejected the message (nack): it is at its length limit with `overflow: reject-publish`, or it is shutting down. */
export function nackedByQueue(message: Message): PublishRefused {
  return new PublishRefused(
    `${
      cannotPublish(message)
    } because its queue rejected it (full, or shutting down): try again later, or raise the queue's limit`,
  );
}

/** The channel closed before the confirm. One bad message closes the channel for all: that message gets the specific error, the others
 * a retryable one.
 *
 * @param fault error that closed the channel; `undefined` when the whole connection was lost
 * @param alone whether no other message was in flight */
export function channelClosed(message: Message, fault: unknown, alone: boolean): Error {
  const text = fault === undefined ? "the connection was lost" : replyText(fault);
  const { exchange } = message;
  const named = text.includes(`exchange '${exchange === "" ? "amq.default" : exchange}'`);
  const code = codeOf(fault);
  if (code === 404 && named) return missingExchange(message, fault);
  if (code === 403 && named) {
    return new TopologyMissing(
      `${cannotPublish(message)} because this user has no write permission on it: ${REMEDY}`,
      { cause: fault },
    );
  }
  const tooLarge = /message size (\d+) is larger than configured max size (\d+)/.exec(text);
  if (tooLarge && Number(tooLarge[1]) === message.body.length) {
    return new InvalidInput(
      `${cannotPublish(message)} because its body has ${tooLarge[1]} bytes and the broker accepts ${
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
      `${cannotPublish(message)} because the broker rejects it (${text}): fix the message`,
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

/** Checks a prefetch. AMQP has 16 bits for it, and 0 means "unlimited" there.
 *
 * @throws {InvalidInput} */
export function checkPrefetch(queue: string, prefetch: number): void {
  if (Number.isInteger(prefetch) && prefetch >= 1 && prefetch <= MAX_PREFETCH) return;
  throw new InvalidInput(
    `Cannot consume from queue '${queue}' because its prefetch of ${prefetch} is not a whole number from 1 to ${MAX_PREFETCH}: choose another`,
    "prefetch",
  );
}

/** Another connection owns the exclusive queue of this name. */
export function nameTaken(queue: string, cause?: unknown): InvalidInput {
  return new InvalidInput(
    `Cannot listen through queue '${queue}' because another connection uses that name: choose another`,
    "queue",
    { cause },
  );
}

function cannotPublish({ exchange, routingKey }: Message): string {
  return exchange === ""
    ? `Cannot publish to queue '${routingKey}'`
    : `Cannot publish to exchange '${exchange}' with routing key '${routingKey}'`;
}
