/** Messages as amqplib has them, and back. */
import type { Message as AmqpMessage, MessageProperties, Options } from "amqplib";
import { encodeHeaders } from "./amqp_tables.ts";
import type { Message, Properties } from "./broker.ts";

/** What a publisher adds to a message of ours. */
export interface Additions {
  readonly mandatory: boolean;
  readonly messageId?: string | undefined;
  readonly replyTo?: string | undefined;
}

/** Options for amqplib's `publish`. Persistent unless the message says otherwise.
 *
 * @throws {InvalidInput} when a header cannot be sent */
export function toPublishOptions(message: Message, additions: Additions): Options.Publish {
  const { properties } = message;
  const options: Options.Publish = {
    mandatory: additions.mandatory,
    headers: encodeHeaders(message.headers),
    deliveryMode: properties.deliveryMode ?? 2,
  };
  const messageId = properties.messageId ?? additions.messageId;
  const replyTo = additions.replyTo ?? properties.replyTo;
  if (messageId !== undefined) options.messageId = messageId;
  if (replyTo !== undefined) options.replyTo = replyTo;
  if (properties.contentType !== undefined) options.contentType = properties.contentType;
  if (properties.contentEncoding !== undefined) {
    options.contentEncoding = properties.contentEncoding;
  }
  if (properties.priority !== undefined) options.priority = properties.priority;
  if (properties.correlationId !== undefined) options.correlationId = properties.correlationId;
  if (properties.expiration !== undefined) options.expiration = properties.expiration;
  if (properties.timestamp !== undefined) options.timestamp = properties.timestamp;
  if (properties.type !== undefined) options.type = properties.type;
  if (properties.userId !== undefined) options.userId = properties.userId;
  if (properties.appId !== undefined) options.appId = properties.appId;
  return options;
}

/** A message as it arrived. Its headers are plain already: our decoder read them. */
export function fromAmqp(message: AmqpMessage): Message {
  const { content, fields, properties } = message;
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    properties: fromProperties(properties),
    headers: properties.headers ?? {},
    body: new Uint8Array(content.buffer, content.byteOffset, content.byteLength),
  };
}

function fromProperties(given: MessageProperties): Properties {
  const properties: Properties = {};
  if (given.contentType !== undefined) properties.contentType = given.contentType;
  if (given.contentEncoding !== undefined) properties.contentEncoding = given.contentEncoding;
  if (given.deliveryMode !== undefined) properties.deliveryMode = given.deliveryMode;
  if (given.priority !== undefined) properties.priority = given.priority;
  if (given.correlationId !== undefined) properties.correlationId = given.correlationId;
  if (given.replyTo !== undefined) properties.replyTo = given.replyTo;
  if (given.expiration !== undefined) properties.expiration = given.expiration;
  if (given.messageId !== undefined) properties.messageId = given.messageId;
  if (given.timestamp !== undefined) properties.timestamp = given.timestamp;
  if (given.type !== undefined) properties.type = given.type;
  if (given.userId !== undefined) properties.userId = given.userId;
  if (given.appId !== undefined) properties.appId = given.appId;
  return properties;
}
