/** A TCP proxy for fault injection: delays start, drops traffic, strands or cuts connections, rewrites or adds bytes. */

import { Buffer } from "node:buffer";

/** Changes bytes on their way to the server, in place. */
export type Rewrite = (bytes: Uint8Array) => void;

/** Returns bytes to append to data for the client, in the same write. */
export type Add = (bytes: Uint8Array) => Uint8Array;

/** Direction of the bytes. */
export type Direction = "to server" | "to client";

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  "amqp:": 5672,
  "postgres:": 5432,
  "postgresql:": 5432,
};

/** Options of a proxy. */
export interface ProxyOptions {
  readonly rewrite?: Rewrite;
  readonly add?: Add;
  /** Loopback port; default any free port. */
  readonly port?: number;
}

const BOTH: readonly Direction[] = ["to server", "to client"];

/** A proxy between a client and a server. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: Deno.ConnectOptions;
  readonly #rewrite: Rewrite | undefined;
  readonly #add: Add | undefined;
  readonly #listener: Deno.TcpListener;
  readonly #links = new Set<Link>();
  readonly #work = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  #held: readonly Direction[] = [];
  #disposed = false;

  constructor(target: Deno.ConnectOptions, { rewrite, add, port = 0 }: ProxyOptions = {}) {
    this.#target = target;
    this.#rewrite = rewrite;
    this.#add = add;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#accepting = this.#accept();
  }

  /** Creates a proxy for the server of a URL. */
  static of(url: string, options: ProxyOptions = {}): TcpProxy {
    const { hostname, port, protocol } = new URL(url);
    return new TcpProxy({ hostname, port: Number(port || DEFAULT_PORTS[protocol]) }, options);
  }

  /** URL of the server through this proxy. */
  through(url: string): string {
    const { port } = this.#listener.addr;
    const through = new URL(url);
    through.hostname = "127.0.0.1";
    through.port = String(port);
    return through.href;
  }

  /** Silently drops all traffic in this direction, including the end of a connection. */
  swallow(...directions: Direction[]): void {
    this.#held = directions.length > 0 ? directions : BOTH;
    for (const link of this.#links) link.hold(this.#held);
  }

  /** Forwards traffic again, held-back bytes first. */
  pass(): void {
    this.#held = [];
    for (const link of this.#links) link.pass();
  }

  /** Drops all traffic of present connections in this direction forever; new connections work. A router that loses its state does this. */
  strand(...directions: Direction[]): void {
    for (const link of this.#links) link.strand(directions.length > 0 ? directions : BOTH);
  }

  /** Closes all connections, even in the middle of a frame. */
  cut(): void {
    for (const link of this.#links) link.close();
    this.#links.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposed = true;
    this.#listener.close();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const done = this.#serve(client).finally(() => this.#work.delete(done));
        this.#work.add(done);
      }
    } catch {
      // the listener was closed
    }
  }

  async #serve(client: Deno.Conn): Promise<void> {
    let server: Deno.Conn;
    try {
      server = await Deno.connect(this.#target);
    } catch {
      return close(client); // the server is down
    }
    // accepted a moment ago: nothing else would close it
    if (this.#disposed) return new Link(client, server, []).close();
    const link = new Link(client, server, this.#held);
    this.#links.add(link);
    await link.carry(this.#rewrite, this.#add);
    this.#links.delete(link);
  }
}

/** One connection through the proxy. */
class Link {
  readonly #client: Deno.Conn;
  readonly #server: Deno.Conn;
  readonly #gates = new Map<Direction, PromiseWithResolvers<void>>();
  #stranded = false;

  constructor(client: Deno.Conn, server: Deno.Conn, held: readonly Direction[]) {
    this.#client = client;
    this.#server = server;
    this.hold(held);
  }

  hold(directions: readonly Direction[]): void {
    for (const direction of directions) {
      if (!this.#gates.has(direction)) this.#gates.set(direction, Promise.withResolvers());
    }
  }

  pass(): void {
    if (!this.#stranded) this.#open();
  }

  strand(directions: readonly Direction[]): void {
    this.hold(directions);
    this.#stranded = true;
  }

  close(): void {
    close(this.#client);
    close(this.#server);
    this.#open();
  }

  async carry(rewrite: Rewrite | undefined, add: Add | undefined): Promise<void> {
    await Promise.all([
      this.#pump(this.#client, this.#server, "to server", (bytes) => {
        rewrite?.(bytes);
        return bytes;
      }),
      this.#pump(
        this.#server,
        this.#client,
        "to client",
        (bytes) => add ? Buffer.concat([bytes, add(bytes)]) : bytes,
      ),
    ]);
  }

  #open(): void {
    for (const gate of this.#gates.values()) gate.resolve();
    this.#gates.clear();
  }

  async #pump(
    from: Deno.Conn,
    to: Deno.Conn,
    direction: Direction,
    change: (bytes: Uint8Array) => Uint8Array,
  ): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      while (true) {
        const count = await from.read(buffer);
        await this.#gates.get(direction)?.promise;
        if (count === null) break;
        const bytes = change(buffer.subarray(0, count));
        for (let sent = 0; sent < bytes.length;) sent += await to.write(bytes.subarray(sent));
      }
    } catch {
      // one of them was closed
      await this.#gates.get(direction)?.promise;
    }
    this.close();
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // already closed
  }
}
