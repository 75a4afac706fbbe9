/** One connection to RabbitMQ that comes back by itself.
 *
 * amqplib's own recovery can hang for ever on a socket that died while it set up, so it is not used.
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

/** Seconds between attempts: the first at once, then from 0.1 doubling to 5, spread so that many processes do not come at once. */
export const RECONNECT: RetryPolicy = Object.freeze({
  maxAttempts: Infinity,
  base: 0.1,
  cap: 5,
  jitter: 0.5,
});

/** A connection that lived this long counts as good: the next attempt is a first one. */
const STEADY_MS = 1000;

/** How long an orderly close may take before the socket is cut. */
const CLOSE_MS = 2000;

const log = getLogger(["celeriac", "broker"]);

/** What a connection is for. */
export interface AmqpConnectionOptions {
  /** At least one; after each failure the next is tried. */
  readonly addresses: readonly AmqpAddress[];
  /** Name that the management UI shows. */
  readonly name: string;
  /** Seconds. */
  readonly heartbeat: number;
  /** Milliseconds until an attempt is given up. */
  readonly connectTimeoutMs: number;
  /** Makes the connection usable; it counts as connected only afterwards. */
  onOpen(connection: ChannelModel): Promise<void>;
  /** Called when a connection that was opened, or being opened, is gone. */
  onLost(): void;
  /** Called when the broker stops (`blocked`) and starts again to take what this connection publishes. */
  onBlocked?(): void;
}

/** Keeps one connection open, for ever, with backoff. */
export class AmqpConnection {
  readonly #options: AmqpConnectionOptions;
  readonly #opened = new Latch<ChannelModel>();
  readonly #stopping = new AbortController();
  #status: BrokerStatus = { state: "stopped" };
  #running: Promise<void> | undefined;
  #connection: ChannelModel | undefined;
  #socket = new AbortController();
  #fault: unknown;
  #turn = 0;

  constructor(options: AmqpConnectionOptions) {
    this.#options = options;
  }

  get status(): BrokerStatus {
    return this.#status;
  }

  /** The connection, while it is usable. */
  get current(): ChannelModel | undefined {
    return this.#opened.value;
  }

  /** Resolves with the connection as soon as it is usable; rejects when stopped. */
  opened(signal?: AbortSignal): Promise<ChannelModel> {
    return this.#opened.wait(signal);
  }

  /** Where it is connected, or tries to connect. */
  get address(): AmqpAddress {
    const { addresses } = this.#options;
    return addresses[this.#turn % addresses.length]!;
  }

  /** Starts connecting, and does not wait for it. */
  start(): void {
    if (this.#running || this.#stopping.signal.aborted) return;
    this.#status = { state: "connecting" };
    this.#running = this.#run();
  }

  /** Closes in order where the broker answers, otherwise after 2 s without it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#opened.fail(stopped());
    if (this.#connection) await this.#close(this.#connection);
    else this.#socket.abort();
    await this.#running;
    this.#status = { state: "stopped" };
  }

  /** Drops a connection that is of no use any more; the next follows at once. */
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

  /** One connection from its first byte to its end.
   *
   * @returns whether it was good for a while */
  async #session(): Promise<boolean> {
    const socket = this.#socket = new AbortController();
    this.#fault = undefined;
    let since = Infinity;
    try {
      const connection = await this.#connect(socket.signal);
      const closed = this.#watch(connection);
      if (isOver(connection)) throw new Error("the broker closed the connection at once");
      this.#connection = connection;
      if (this.#stopping.signal.aborted) await this.#close(connection);
      const opening = this.#options.onOpen(connection);
      // Whoever loses the race must not become an unhandled rejection.
      opening.catch(() => {});
      await Promise.race([opening, closed.then(() => Promise.reject(this.#fault))]);
      since = performance.now();
      this.#up(connection);
      await closed;
    } catch (error) {
      this.#fault ??= error;
    }
    // amqplib only half-closes a socket whose heartbeats stopped, and would keep it for ever.
    socket.abort();
    this.#connection = undefined;
    this.#opened.clear();
    this.#lost();
    this.#turn++;
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
      // amqplib decodes this once more.
      vhost: encodeURIComponent(address.vhost),
      heartbeat: address.heartbeat ?? heartbeat,
    }, socket);
  }

  /** Resolves when the connection is closed. Only 'close' tells: a close by the broker comes without an 'error'. */
  #watch(connection: ChannelModel): Promise<void> {
    connection.on("error", (error) => this.#fault ??= error);
    connection.on("handler-error", (error) => log.error("Listener failed: {error}", { error }));
    connection.on("blocked", (reason) => {
      this.#set({ state: "blocked", reason: `the broker takes no messages (${reason})` });
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
    const late = setTimeout(() => this.#socket.abort(), CLOSE_MS);
    try {
      await Promise.race([
        connection.close(),
        new Promise((gone) => connection.once("close", gone)),
      ]);
    } catch {
      // It was closed already.
    }
    clearTimeout(late);
  }

  #up(connection: ChannelModel): void {
    if (this.#stopping.signal.aborted) return;
    if (this.#status.state !== "blocked") this.#set({ state: "connected" });
    this.#opened.set(connection);
  }

  /** Says so once, and again when the reason changes. */
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

/** amqplib reads on before it gives a connection out: of a close that came with the last word of the handshake nobody is told. */
function isOver({ connection }: ChannelModel): boolean {
  return (connection as unknown as { expectSocketClose: boolean }).expectSocketClose;
}
