/** A connection to RabbitMQ that reconnects.
 *
 * It does not use amqplib's recovery, which can hang forever on a socket that died during setup.
 * @module
 */
import "./codec.ts";
import { getLogger } from "@logtape/logtape";
import amqp from "amqplib";
import type { ChannelModel, SocketOptions } from "amqplib";
import { retryDelay, type RetryPolicy } from "../../contracts/retry.ts";
import type { AmqpAddress } from "./address.ts";
import { explain } from "./reason.ts";
import type { BrokerStatus } from "../broker.ts";
import { Latch } from "../../runtime/latch.ts";
import { stopped } from "../errors.ts";

/** Seconds between attempts: the first at once, then 0.1 doubling up to 5, with jitter so that processes do not reconnect together. */
export const RECONNECT: RetryPolicy = Object.freeze({
  maxAttempts: Infinity,
  base: 0.1,
  cap: 5,
  jitter: 0.5,
});

/** Milliseconds after which a connection counts as stable. The backoff then restarts. */
const STEADY_MS = 1000;

/** Milliseconds that a graceful close may take before the socket is destroyed. */
const CLOSE_MS = 2000;

const log = getLogger(["celeriac", "broker"]);

/** Options of {@linkcode AmqpConnection}. */
export interface AmqpConnectionOptions {
  /** At least one. After each failure the next one is tried. */
  readonly addresses: readonly AmqpAddress[];
  /** Connection name in the management UI. */
  readonly name: string;
  /** Seconds. */
  readonly heartbeat: number;
  /** Timeout of an attempt in milliseconds. */
  readonly connectTimeoutMs: number;
  /** Sets up the connection, which counts as connected only afterwards. */
  onOpen(connection: ChannelModel): Promise<void>;
  /** Called when an attempt failed or a connection was lost. */
  onLost(): void;
  /** Called when the broker stops accepting published messages (`connection.blocked`). */
  onBlocked?(): void;
}

/** Keeps one connection open; reconnects forever, with backoff. */
export class AmqpConnection {
  readonly #options: AmqpConnectionOptions;
  readonly #opened = new Latch<ChannelModel>();
  readonly #stopping = new AbortController();
  #status: BrokerStatus = { state: "stopped" };
  #running: Promise<void> | undefined;
  #connection: ChannelModel | undefined;
  #socket = new AbortController();
  #fault: unknown;
  #addressIndex = 0;

  constructor(options: AmqpConnectionOptions) {
    this.#options = options;
  }

  get status(): BrokerStatus {
    return this.#status;
  }

  /** The connection, while it is connected. */
  get current(): ChannelModel | undefined {
    return this.#opened.value;
  }

  /** Resolves when connected; rejects when stopped. */
  opened(signal?: AbortSignal): Promise<ChannelModel> {
    return this.#opened.wait(signal);
  }

  /** Address of the current connection or attempt. */
  get address(): AmqpAddress {
    const { addresses } = this.#options;
    return addresses[this.#addressIndex % addresses.length]!;
  }

  /** Starts connecting without waiting for the result. */
  start(): void {
    if (this.#running || this.#stopping.signal.aborted) return;
    this.#status = { state: "connecting" };
    this.#running = this.#run();
  }

  /** Closes the connection gracefully, or destroys the socket if the broker does not respond within 2 s. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#opened.fail(stopped());
    if (this.#connection) await this.#close(this.#connection);
    else this.#socket.abort();
    await this.#running;
    this.#status = { state: "stopped" };
  }

  /** Drops an unusable connection and reconnects. */
  restart(reason: string): void {
    this.#fault ??= new Error(reason);
    this.#socket.abort();
  }

  async #run(): Promise<void> {
    let attempt = 0;
    while (!this.#stopping.signal.aborted) {
      const steady = await this.#session();
      if (this.#stopping.signal.aborted) return;
      if (steady) attempt = 0;
      else await this.#pause(1000 * (retryDelay(RECONNECT, attempt++, Math.random()) ?? 0));
    }
  }

  /** Runs one connection from connect to close.
   *
   * @returns whether it was stable */
  async #session(): Promise<boolean> {
    const socket = this.#socket = new AbortController();
    this.#fault = undefined;
    let since = Infinity;
    try {
      const connection = await this.#connect(socket.signal);
      const closed = this.#watch(connection);
      if (isClosed(connection)) throw new Error("the broker closed the connection at once");
      this.#connection = connection;
      if (this.#stopping.signal.aborted) await this.#close(connection);
      const opening = this.#options.onOpen(connection);
      // Prevents an unhandled rejection when it loses the race.
      opening.catch(() => {});
      await Promise.race([opening, closed.then(() => Promise.reject(this.#fault))]);
      since = performance.now();
      this.#connected(connection);
      await closed;
    } catch (error) {
      this.#fault ??= error;
    }
    // After a missed heartbeat amqplib only half-closes the socket and would keep it forever.
    socket.abort();
    this.#connection = undefined;
    this.#opened.clear();
    this.#lost();
    this.#addressIndex++;
    this.#options.onLost();
    return performance.now() - since >= STEADY_MS;
  }

  #connect(signal: AbortSignal): Promise<ChannelModel> {
    const { name, heartbeat, connectTimeoutMs } = this.#options;
    const { address } = this;
    const socket: SocketOptions & { signal: AbortSignal } = {
      noDelay: true,
      keepAlive: true,
      timeout: connectTimeoutMs,
      clientProperties: { connection_name: name },
      signal,
    };
    return amqp.connect({
      protocol: address.protocol,
      hostname: address.hostname,
      port: address.port,
      username: address.username,
      password: address.password,
      // amqplib decodes this again.
      vhost: encodeURIComponent(address.vhost),
      heartbeat: address.heartbeat ?? heartbeat,
    }, socket);
  }

  /** Resolves when the connection is closed. Only 'close' is reliable: a close by the broker emits no 'error'. */
  #watch(connection: ChannelModel): Promise<void> {
    connection.on("error", (error) => this.#fault ??= error);
    connection.on("handler-error", (error) => log.error("Listener failed: {error}", { error }));
    connection.on("blocked", (reason) => {
      this.#set({ state: "blocked", reason: `the broker accepts no messages (${reason})` });
      this.#options.onBlocked?.();
    });
    connection.on("unblocked", () => this.#set({ state: "connected" }));
    return new Promise((resolve) =>
      connection.on("close", (error) => {
        this.#fault ??= error;
        resolve();
      })
    );
  }

  async #close(connection: ChannelModel): Promise<void> {
    const timeout = setTimeout(() => this.#socket.abort(), CLOSE_MS);
    try {
      await Promise.race([
        connection.close(),
        new Promise((closed) => connection.once("close", closed)),
      ]);
    } catch {
      // Already closed.
    }
    clearTimeout(timeout);
  }

  #connected(connection: ChannelModel): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#status.state !== "blocked") this.#set({ state: "connected" });
    this.#opened.set(connection);
  }

  /** Logs once per reason. */
  #lost(): void {
    const { address } = this;
    const reason = `there is no connection to ${address.label}: ${explain(this.#fault, address)}`;
    if (this.#stopping.signal.aborted || reason === this.#status.reason) return;
    this.#set({ state: "connecting", reason });
  }

  #set(status: BrokerStatus): void {
    this.#status = status;
    const fields = { name: this.#options.name, address: this.address.label, ...status };
    if (status.state === "connected") log.info("{name} is connected to {address}", fields);
    else if (status.state === "blocked") {
      log.warn("{name} cannot publish to {address}: {reason}", fields);
    } else log.warn("{name}: {reason}", fields);
  }

  #pause(milliseconds: number): Promise<void> {
    const { signal } = this.#stopping;
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, milliseconds);
      signal.addEventListener("abort", done, { once: true });
      if (signal.aborted) done();
    });
  }
}

/** amqplib may read a close frame right after the handshake, before any listener exists. */
function isClosed({ connection }: ChannelModel): boolean {
  return (connection as unknown as { expectSocketClose: boolean }).expectSocketClose;
}
