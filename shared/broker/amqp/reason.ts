/** What an operator should read when a connection to RabbitMQ fails. */
import type { AmqpAddress } from "./address.ts";

/** Turns an error of the AMQP client into one readable sentence without a password.
 *
 * RabbitMQ refuses `connection.open` with one and the same answer for four causes, and amqplib drops its text; so all four are named.
 *
 * @example
 * ```ts
 * import { parseAmqpUrl } from "./address.ts";
 * import { explain } from "./reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const address = parseAmqpUrl("amqp://me:secret@rabbit/jobs");
 * const error = new Error('Handshake terminated by server: 403 (ACCESS-REFUSED) with message "…"');
 * assertEquals(explain(error, address), "wrong user or password for user 'me': give AMQP_URL the broker's, or run `deno task definitions apply`");
 * ```
 */
export function explain(error: unknown, address: AmqpAddress): string {
  if (error === undefined) return "the connection was closed";
  const message = error instanceof Error ? error.message : String(error);
  const code = codeOf(error);
  if (message.includes("Expected ConnectionOpenOk")) {
    return `the broker refused vhost '${address.vhost}' to user '${address.username}': the vhost does not exist, ` +
      "or the user has no permissions in it, or the user's or the vhost's limit of connections is reached: run `deno task definitions apply`, or correct AMQP_URL";
  }
  if (/Handshake terminated by server: 403/.test(message)) {
    return `wrong user or password for user '${address.username}': give AMQP_URL the broker's, or run \`deno task definitions apply\``;
  }
  if (message.includes("abruptly during opening handshake")) {
    return "the connection was closed during the handshake: no broker there, or one that expects TLS (amqps)";
  }
  if (/^(Frame size \d+ exceeds|Invalid frame|Unknown frame type)/.test(message)) {
    return "what answers there speaks no AMQP 0-9-1";
  }
  if (message.includes("wrong version number")) {
    return "what answers there speaks no TLS: use amqp://";
  }
  if (message === "Heartbeat timeout") return "the broker went silent (no heartbeat)";
  switch (code) {
    case "ECONNREFUSED":
      return "nothing listens there (connection refused)";
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
  if (message === "connect ETIMEDOUT" || code === "ETIMEDOUT") return "no answer in time";
  if (message === "Unexpected close") return "the broker closed the connection without a word";
  return replyText(error);
}

/** What the broker said when it closed a channel or a connection (`NOT_FOUND - no queue 'x' in vhost 'y'`), or the error's own message. */
export function replyText(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return /\(\S+\) with message "(.*)"$/s.exec(message)?.[1] ?? message;
}

/** The reply code (`404`) or the system's word (`ECONNREFUSED`) that an error bears. */
export function codeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null && "code" in error ? error.code : undefined;
}

/** Seconds of the broker's consumer timeout, as it says when it closes a channel for it; `undefined` for any other fault.
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
