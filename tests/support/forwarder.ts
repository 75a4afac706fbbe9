/** A server's address that can come later than its clients. */
export class Forwarder implements AsyncDisposable {
  readonly #listener: Deno.Listener;
  readonly #connections = new Set<Deno.Conn>();
  readonly #accepting: Promise<void>;

  private constructor(port: number, target: Deno.ConnectOptions) {
    this.#listener = Deno.listen({ hostname: "127.0.0.1", port });
    this.#accepting = this.#accept(target);
  }

  /** Listens on a loopback port and carries all that comes to the host and port of a URL. */
  static listen(port: number, url: string, defaultPort: number): Forwarder {
    const { hostname, port: given } = new URL(url);
    return new Forwarder(port, { hostname, port: Number(given || defaultPort) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#connections) connection.close();
    await this.#accepting;
  }

  async #accept(target: Deno.ConnectOptions): Promise<void> {
    const carried: Promise<void>[] = [];
    for await (const client of this.#listener) carried.push(this.#carry(client, target));
    await Promise.all(carried);
  }

  async #carry(client: Deno.Conn, target: Deno.ConnectOptions): Promise<void> {
    const server = await Deno.connect(target);
    const pair = [client, server];
    for (const connection of pair) this.#connections.add(connection);
    // a pipe ends its reader and its writer; errors only say that one side went first
    await Promise.allSettled([
      client.readable.pipeTo(server.writable),
      server.readable.pipeTo(client.writable),
    ]);
    for (const connection of pair) this.#connections.delete(connection);
  }
}
