/** A TCP proxy that can come late and go bad: swallow, cut, rewrite. */

/** Changes bytes on their way to the server, in place. */
export type Rewrite = (bytes: Uint8Array) => void;

const DEFAULT_PORTS: Readonly<Record<string, number>> = {
  "amqp:": 5672,
  "postgres:": 5432,
  "postgresql:": 5432,
};

/** How a proxy behaves. */
export interface ProxyOptions {
  readonly rewrite?: Rewrite;
  /** Where it listens on loopback; default any free port. */
  readonly port?: number;
}

/** Stands between a client and a server. */
export class TcpProxy implements AsyncDisposable {
  readonly #target: Deno.ConnectOptions;
  readonly #rewrite: Rewrite | undefined;
  readonly #listener: Deno.TcpListener;
  readonly #connections = new Set<Deno.Conn>();
  readonly #pumps = new Set<Promise<void>>();
  readonly #accepting: Promise<void>;
  /** Pending while the proxy swallows. */
  #passing: PromiseWithResolvers<void> | undefined;

  constructor(target: Deno.ConnectOptions, { rewrite, port = 0 }: ProxyOptions = {}) {
    this.#target = target;
    this.#rewrite = rewrite;
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#accepting = this.#accept();
  }

  /** A proxy for the server of a URL. */
  static of(url: string, options: ProxyOptions = {}): TcpProxy {
    const { hostname, port, protocol } = new URL(url);
    return new TcpProxy({ hostname, port: Number(port || DEFAULT_PORTS[protocol]) }, options);
  }

  /** The URL, through this proxy. */
  through(url: string): string {
    const { port } = this.#listener.addr;
    const through = new URL(url);
    through.hostname = "127.0.0.1";
    through.port = String(port);
    return through.href;
  }

  /** Nothing passes any more, and nobody is told. */
  swallow(): void {
    this.#passing ??= Promise.withResolvers();
  }

  /** Everything passes again, what was held back first. */
  pass(): void {
    this.#passing?.resolve();
    this.#passing = undefined;
  }

  /** Closes all connections, in the middle of whatever they say. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    this.pass();
    this.cut();
    await this.#accepting;
    await Promise.all(this.#pumps);
  }

  async #accept(): Promise<void> {
    try {
      for await (const client of this.#listener) {
        const server = await Deno.connect(this.#target).catch(() => undefined);
        if (!server) {
          close(client);
          continue;
        }
        this.#connections.add(client).add(server);
        this.#start(this.#pump(client, server, this.#rewrite));
        this.#start(this.#pump(server, client));
      }
    } catch {
      // The listener was closed.
    }
  }

  #start(pump: Promise<void>): void {
    const done = pump.finally(() => this.#pumps.delete(done));
    this.#pumps.add(done);
  }

  async #pump(from: Deno.Conn, to: Deno.Conn, rewrite?: Rewrite): Promise<void> {
    const buffer = new Uint8Array(65536);
    try {
      for (let count; (count = await from.read(buffer)) !== null;) {
        await this.#passing?.promise;
        const bytes = buffer.subarray(0, count);
        rewrite?.(bytes);
        for (let sent = 0; sent < count;) sent += await to.write(bytes.subarray(sent));
      }
    } catch {
      // One of them was closed.
    }
    for (const connection of [from, to]) {
      this.#connections.delete(connection);
      close(connection);
    }
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed already.
  }
}
