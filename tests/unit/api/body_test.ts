import { assertEquals, assertMatch } from "@std/assert";
import { Hono } from "hono";
import { readBytes } from "../../../api/http/body.ts";
import { answerError } from "../../../api/http/problem.ts";

/** A server that reads bodies of up to 4 MiB, each within 200 ms and 32 bytes a millisecond. */
function serve() {
  const app = new Hono();
  app.onError(answerError);
  app.post("/", async (c) => {
    const { length } = await readBytes(c.req.raw, 4 * 1024 * 1024, { graceMs: 200 });
    return c.text(`${length} bytes`);
  });
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
}

/** Sends a head and then one chunk again and again, until an answer comes. */
async function drip(port: number, head: string, chunk: string): Promise<string> {
  const encoder = new TextEncoder();
  using connection = await Deno.connect({ hostname: "127.0.0.1", port });
  await connection.write(encoder.encode(`POST / HTTP/1.1\r\nHost: localhost\r\n${head}\r\n\r\n`));
  const buffer = new Uint8Array(4096);
  let answered = false;
  const answer = connection.read(buffer).finally(() => answered = true);
  while (!answered) {
    await connection.write(encoder.encode(chunk));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return new TextDecoder().decode(buffer.subarray(0, await answer ?? 0));
}

Deno.test("readBytes() times out on a slow body", async (t) => {
  await using server = serve();
  const { port } = server.addr;
  const heads: [string, string, string][] = [
    ["of declared length", "Content-Length: 2000", "x"],
    ["of declared length, a large one", "Content-Length: 2000000", "x"],
    ["of no declared length", "Transfer-Encoding: chunked", "1\r\nx\r\n"],
  ];
  for (const [what, head, chunk] of heads) {
    await t.step(what, async () => {
      const answer = await drip(port, head, chunk);
      assertMatch(answer, /^HTTP\/1.1 408 .*connection: close/is);
      assertMatch(answer, /body-too-slow/);
    });
  }
});

Deno.test("readBytes() accepts a large body that arrives fast enough", async () => {
  await using server = serve();
  const url = `http://127.0.0.1:${server.addr.port}/`;
  const chunk = new Uint8Array(100_000);
  const slowly = ReadableStream.from((async function* () {
    for (let sent = 0; sent < 20; sent++) {
      yield chunk;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  })());
  const answers = [
    await fetch(url, { method: "POST", body: slowly }),
    await fetch(url, { method: "POST", body: new Uint8Array(3_000_000) }),
    await fetch(url, { method: "POST", body: "abc" }),
    await fetch(url, { method: "POST" }),
  ];
  const texts = await Promise.all(answers.map((answer) => answer.text()));
  assertEquals(texts, ["2000000 bytes", "3000000 bytes", "3 bytes", "0 bytes"]);
});
