/** Converts messages from amqplib's form. */
import type { Message as AmqpMessage, MessageProperties } from "amqplib";
import type { Message, Properties } from "../message.ts";

/** Converts a received message. Its headers are already decoded (codec.ts). */
export function fromAmqp({ content, fields, properties }: AmqpMessage): Message {
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
