import { assertEquals } from "@std/assert";
import { freePorts } from "../../support/ports.ts";
import { TcpProxy } from "../../support/proxy.ts";

/** A server that answers each piece with the same piece. */
class EchoServer implements AsyncDisposable {
  readonly #listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  readonly #work = new Set<Promise<void>>();
  readonly #accepting = this.#accept();

  get url(): string {
    return `tcp://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    await this.#accepting;
    await Promise.all(this.#work);
  }

  async #accept(): Promise<void> {
    try {
      for await (const connection of this.#listener) {
        this.#work.add(connection.readable.pipeTo(connection.writable).catch(() => {}));
      }
    } catch {
      // It was closed.
    }
  }
}

async function connect(proxy: TcpProxy, url: string): Promise<Deno.TcpConn> {
  const { hostname, port } = new URL(proxy.through(url));
  return await Deno.connect({ hostname, port: Number(port) });
}

async function say(connection: Deno.Conn, text: string): Promise<void> {
  await connection.write(new TextEncoder().encode(text));
}

async function hear(connection: Deno.Conn): Promise<string> {
  const buffer = new Uint8Array(100);
  return new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
}

Deno.test("TcpProxy holds back traffic in one direction and forwards it later", async () => {
  await using server = new EchoServer();
  await using proxy = TcpProxy.of(server.url);
  using client = await connect(proxy, server.url);
  await say(client, "one");
  assertEquals(await hear(client), "one");
  proxy.swallow("to client");
  await say(client, "two");
  const heard = hear(client);
  proxy.pass();
  assertEquals(await heard, "two");
});

Deno.test("TcpProxy strands present connections forever and serves new ones", async () => {
  await using server = new EchoServer();
  await using proxy = TcpProxy.of(server.url);
  using old = await connect(proxy, server.url);
  await say(old, "one");
  assertEquals(await hear(old), "one");
  proxy.strand("to client");
  proxy.pass();
  await say(old, "two");
  let answered = false;
  const silence = hear(old).then(() => answered = true, () => {});
  using fresh = await connect(proxy, server.url);
  await say(fresh, "three");
  assertEquals(await hear(fresh), "three");
  assertEquals(answered, false);
  proxy.cut();
  await silence;
});

Deno.test("TcpProxy closes connections without a server and continues when the server is up", async () => {
  const [port] = freePorts(1);
  const url = `tcp://127.0.0.1:${port}`;
  await using proxy = TcpProxy.of(url);
  using refused = await connect(proxy, url);
  const ended = await refused.read(new Uint8Array(1)).catch(() => null);
  assertEquals(ended, null);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: port! });
  using client = await connect(proxy, url);
  using server = await listener.accept();
  await say(server, "here");
  assertEquals(await hear(client), "here");
});
