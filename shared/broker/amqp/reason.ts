/** Readable reasons for connection and channel errors of RabbitMQ. */
import type { AmqpAddress } from "./address.ts";

/** Converts an error of the AMQP client into a readable reason without a password.
 *
 * RabbitMQ rejects `connection.open` with the same code for four causes, and amqplib drops its text. The reason lists all four.
 *
 * @example
 * ```ts
 * import { parseAmqpUrl } from "./address.ts";
 * import { explain } from "./reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const address = parseAmqpUrl("amqp://me:secret@rabbit/jobs");
 * const error = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "…"');
 * assertEquals(explain(error, address), "wrong user name or password for 'me': correct AMQP_URL, or run `deno task definitions apply`");
 * ```
 */
export function explain(error: unknown, address: AmqpAddress): string {
  if (error === undefined) return "the connection was closed";
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (message.includes("Expected ConnectionOpenOk")) {
    return `the broker denied user '${address.username}' access to vhost '${address.vhost}': the vhost does not exist, ` +
      "or the user has no permissions in it, or the user's or the vhost's connection limit is reached: run `deno task definitions apply`, or correct AMQP_URL";
  }
  if (/Handshake terminated by server: 403/.test(message)) {
    return `wrong user name or password for '${address.username}': correct AMQP_URL, or run \`deno task definitions apply\``;
  }
  if (message.includes("abruptly during opening handshake")) {
    return "the connection was closed during the handshake: the server is no broker, or it expects TLS (amqps)";
  }
  if (/^(Frame size \d+ exceeds|Invalid frame|Unknown frame type)/.test(message)) {
    return "the server does not speak AMQP 0-9-1";
  }
  if (message.includes("wrong version number")) {
    return "the server does not speak TLS: use amqp://";
  }
  if (message === "Heartbeat timeout") return "the broker is not responding (no heartbeat)";
  switch (code) {
    case "ECONNREFUSED":
      return "connection refused";
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the host name '${address.hostname}' cannot be resolved`;
    case "ECONNRESET":
    case "EPIPE":
      return "the connection was reset";
    case "EHOSTUNREACH":
    case "ENETUNREACH":
      return "the host cannot be reached";
  }
  if (message === "connect ETIMEDOUT" || code === "ETIMEDOUT") return "the connection timed out";
  if (message === "Unexpected close") return "the broker closed the connection without a reason";
  return replyText(error);
}

/** The broker's text when it closed a channel or connection (`NOT_FOUND - no queue 'x' in vhost 'y'`), or the error's message. */
export function replyText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /\(\S+\) with message "(.*)"$/s.exec(message)?.[1] ?? message;
}

/** Reply code (`404`) or system error code (`ECONNREFUSED`) of an error. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** Consumer timeout in seconds, if the broker closed the channel because of it; otherwise `undefined`.
 *
 * @example
 * ```ts
 * import { consumerTimeout } from "./reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const text = "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used: 1800000 ms.";
 * assertEquals(consumerTimeout(new Error(text)), 1800);
 * assertEquals(consumerTimeout(new Error("NOT_FOUND")), undefined);
 * ```
 */
export function consumerTimeout(fault: unknown): number | undefined {
  const ms = /timed out\. Timeout value used: (\d+) ms/.exec(replyText(fault))?.[1];
  return ms === undefined ? undefined : Number(ms) / 1000;
}
