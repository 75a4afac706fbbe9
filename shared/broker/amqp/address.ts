/** Parses AMQP URLs. */
import { ConfigurationError } from "../../errors.ts";
import { hasLateAt, LATE_AT } from "../../config/server_url.ts";

/** The parts of an AMQP URL. */
export interface AmqpAddress {
  readonly protocol: "amqp" | "amqps";
  readonly hostname: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly vhost: string;
  /** Seconds, if the URL contains `?heartbeat=`. */
  readonly heartbeat?: number;
  /** `host:port/vhost`, for logs: contains no password. */
  readonly label: string;
}

/** Parses one URL, or several URLs of cluster nodes separated by `;`, as in Celery.
 *
 * @returns at least one address
 * @throws {ConfigurationError} as {@linkcode parseAmqpUrl}
 *
 * @example
 * ```ts
 * import { parseAmqpUrls } from "./address.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const addresses = parseAmqpUrls("amqp://me:pw@rabbit-1/jobs;amqp://me:pw@rabbit-2/jobs");
 * assertEquals(addresses.map(({ hostname }) => hostname), ["rabbit-1", "rabbit-2"]);
 * ```
 */
export function parseAmqpUrls(text: string): AmqpAddress[] {
  return text.split(";").map((url) => parseAmqpUrl(url.trim()));
}

/** Parses an AMQP URL according to the RabbitMQ URI specification. If the path is empty or `/`, the vhost is `/`.
 *
 * Credentials are decoded here, because amqplib decodes the percent escapes of a URL byte by byte.
 *
 * @throws {ConfigurationError} for an invalid URL; the message never contains a password
 *
 * @example
 * ```ts
 * import { parseAmqpUrl } from "./address.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const address = parseAmqpUrl("amqp://me:p%C3%A4ss@rabbit/jobs?heartbeat=4");
 * assertEquals(address.password, "päss");
 * assertEquals(address.label, "rabbit:5672/jobs");
 * ```
 */
export function parseAmqpUrl(text: string): AmqpAddress {
  const url = URL.parse(text);
  if (!url || (url.protocol !== "amqp:" && url.protocol !== "amqps:") || url.hostname === "") {
    throw new ConfigurationError(
      "Cannot use the broker's URL because it is not of the form amqp://user:password@host:port/vhost: correct AMQP_URL",
    );
  }
  if (hasLateAt(text)) {
    throw new ConfigurationError(
      `Cannot use the broker's URL because ${LATE_AT} in AMQP_URL`,
    );
  }
  const protocol = url.protocol === "amqps:" ? "amqps" : "amqp";
  const hostname = url.hostname.replace(/^\[|\]$/g, "");
  const port = url.port === "" ? (protocol === "amqps" ? 5671 : 5672) : Number(url.port);
  const vhost = decode(url.pathname.slice(1), "vhost") || "/";
  const heartbeat = url.searchParams.get("heartbeat");
  if (heartbeat !== null && !/^\d{1,5}$/.test(heartbeat)) {
    throw new ConfigurationError(
      "Cannot use the broker's URL because its heartbeat is not a number of seconds: correct AMQP_URL",
    );
  }
  return {
    protocol,
    hostname,
    port,
    username: decode(url.username, "user") || "guest",
    password: decode(url.password, "password") || (url.username === "" ? "guest" : ""),
    vhost,
    ...(heartbeat === null ? {} : { heartbeat: Number(heartbeat) }),
    label: `${url.hostname}:${port}/${vhost === "/" ? "" : vhost}`,
  };
}

function decode(part: string, name: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    throw new ConfigurationError(
      `Cannot use the broker's URL because its ${name} contains a '%' that starts no valid escape: write it as '%25' in AMQP_URL`,
    );
  }
}
