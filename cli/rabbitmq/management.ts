/** Client of RabbitMQ's management API. */
import { BrokerUnavailable, ConfigurationError } from "../../shared/errors.ts";

/** Timeout of a request in seconds. A cluster without a majority answers after 30 s. */
const DEFAULT_TIMEOUT = 40;

/** Attempts to read from a failing broker. */
const READS = 3;

interface Answer {
  readonly status: number;
  readonly text: string;
}

/** Options of the client. */
export interface ManagementOptions {
  /** Timeout of each request in seconds. Default 40. */
  readonly timeout?: number;
}

/** The management API of one broker. Keeps no connection. */
export class Management {
  /** Address without credentials and without a trailing slash. */
  readonly address: string;
  readonly #authorization: string;
  readonly #timeoutMs: number;

  /** @param url such as `http://user:password@host:15672`; a path before `/api` may follow */
  constructor(url: string, { timeout = DEFAULT_TIMEOUT }: ManagementOptions = {}) {
    const { origin, pathname, username, password } = new URL(url);
    this.address = (origin + pathname).replace(/\/+$/, "");
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    this.#authorization = `Basic ${new TextEncoder().encode(credentials).toBase64()}`;
    this.#timeoutMs = timeout * 1000;
  }

  /** Reads a path.
   *
   * @param path below `/api`, each part percent-encoded: `/vhosts/%2F`
   * @throws {ConfigurationError} when the broker rejects the request or the user, or the path does not exist
   * @throws {BrokerUnavailable} when it cannot be reached or fails */
  async get(path: string): Promise<unknown> {
    const { status, text } = await this.#request("GET", path);
    if (status === 404) throw this.#refused("GET", path, status, text);
    return this.#parsed(path, text);
  }

  /** Like {@linkcode get}, but `undefined` when the path does not exist. */
  async find(path: string): Promise<unknown> {
    const { status, text } = await this.#request("GET", path);
    return status === 404 ? undefined : this.#parsed(path, text);
  }

  /** Sends a document to a path.
   *
   * @throws {ConfigurationError} when the broker rejects the document or the user
   * @throws {BrokerUnavailable} when it cannot be reached or fails */
  async post(path: string, body: unknown): Promise<void> {
    const { status, text } = await this.#request("POST", path, JSON.stringify(body));
    if (status === 404) throw this.#refused("POST", path, status, text);
  }

  #parsed(path: string, text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new ConfigurationError(
        `Cannot read ${this.address}/api${path} because it is not JSON: correct MANAGEMENT_URL`,
        { cause },
      );
    }
  }

  async #request(
    method: "GET" | "POST",
    path: string,
    body?: string,
  ): Promise<Answer> {
    let { status, text } = await this.#send(method, path, body);
    // RabbitMQ 4.0 fails to list what is being deleted at that moment.
    for (let sent = 1; method === "GET" && status === 500 && sent < READS; sent++) {
      ({ status, text } = await this.#send(method, path, body));
    }
    if (status >= 400 && status !== 404) throw this.#refused(method, path, status, text);
    return { status, text };
  }

  async #send(method: "GET" | "POST", path: string, body?: string): Promise<Answer> {
    try {
      const answer = await fetch(`${this.address}/api${path}`, {
        method,
        headers: { authorization: this.#authorization, "content-type": "application/json" },
        signal: AbortSignal.timeout(this.#timeoutMs),
        ...(body === undefined ? {} : { body }),
      });
      return { status: answer.status, text: await answer.text() };
    } catch (cause) {
      throw new BrokerUnavailable(
        `Cannot reach the management API at ${this.address} because ${
          failureIn(cause)
        }: start the broker with its management plugin, or correct MANAGEMENT_URL`,
        { cause },
      );
    }
  }

  #refused(method: string, path: string, status: number, text: string): Error {
    const asked = `Cannot ${method} ${this.address}/api${path} because`;
    if (status === 401 || status === 403) {
      return new ConfigurationError(
        `${asked} the user or password of MANAGEMENT_URL is wrong, or the user lacks the tag 'administrator': correct MANAGEMENT_URL`,
      );
    }
    const reason = reasonIn(text);
    if (status >= 500) {
      return new BrokerUnavailable(`${asked} the broker failed (${status}): ${reason}`);
    }
    return new ConfigurationError(`${asked} the broker refused it (${status}): ${reason}`);
  }
}

/** `fetch` reports the reason in the cause of its error. */
function failureIn(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { message } = thrown.cause instanceof Error ? thrown.cause : thrown;
  return message.replace(/^error sending request for url \(.*?\): /, "");
}

function reasonIn(text: string): string {
  try {
    const { reason, error } = JSON.parse(text);
    return String(reason ?? error ?? text).trim().replaceAll(/\s+/g, " ");
  } catch {
    return text.trim() || "no reason given";
  }
}
