/** A message of AMQP 0-9-1: destination, properties, headers and body.
 * @module
 */

/** A value in a header table. Implementations encode every integer with tag `I` or `l`, never `s` or `b`, which Celery's py-amqp
 * misreads. */
export type HeaderValue =
  | string
  | number
  | bigint
  | boolean
  | null
  | Date
  | Uint8Array
  | HeaderValue[]
  | { [name: string]: HeaderValue };

/** Headers by name. */
export type Headers = Record<string, HeaderValue>;

/** AMQP 0-9-1 basic properties. */
export interface Properties {
  contentType?: string;
  contentEncoding?: string;
  /** 1 = transient, 2 = persistent. Default 2. */
  deliveryMode?: 1 | 2;
  /** 0 to 255. */
  priority?: number;
  correlationId?: string;
  replyTo?: string;
  /** Milliseconds, as a string of digits. */
  expiration?: string;
  messageId?: string;
  timestamp?: number;
  type?: string;
  userId?: string;
  appId?: string;
}

/** Destination of a message. */
export interface Destination {
  /** `""` is the default exchange: the routing key is the name of a queue. */
  readonly exchange: string;
  readonly routingKey: string;
}

/** A message to publish, or one that was received. */
export interface Message extends Destination {
  readonly properties: Properties;
  readonly headers: Headers;
  readonly body: Uint8Array;
}
