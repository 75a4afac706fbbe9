import { assert, assertEquals } from "@std/assert";
import { listen } from "../../../shared/runtime/listen.ts";
import { eventually } from "../../support/eventually.ts";

const OPTIONS = { hostname: "127.0.0.1", port: 0, flag: "--port" } as const;
const HALF_A_HEAD = new TextEncoder().encode("GET / HTTP/1.1\r\nHost: localhost\r\nX-Half: ");

/** Opens a connection that sends half a head. @returns `undefined` when the server does not accept it */
async function halfSent(port: number): Promise<Deno.Conn | undefined> {
  try {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(HALF_A_HEAD);
    return connection;
  } catch {
    return undefined;
  }
}

Deno.test("listen() serves on when unfinished requests have used up all file descriptors", async () => {
  const server = import.meta.resolve("../../support/full_server.ts");
  await using process = new Deno.Command("sh", {
    args: ["-c", 'ulimit -n 80 && exec "$0" run -A --no-check "$1"', Deno.execPath(), server],
    stdout: "piped",
  }).spawn();
  const output = process.stdout.getReader();
  const port = Number(new TextDecoder().decode((await output.read()).value));
  const files = () => Array.from(Deno.readDirSync(`/proc/${process.pid}/fd`)).length;
  const before = files();

  const connections = await Promise.all(Array.from({ length: 100 }, () => halfSent(port)));
  await eventually("the server serves", async () => {
    const answer = await fetch(`http://127.0.0.1:${port}`).catch(() => undefined);
    return await answer?.text() === "here";
  });
  for (const connection of connections) connection?.close();
  assert(files() < before + 50, `${files()} open files, ${before} at first`);
  await output.cancel();
  process.kill();
});

Deno.test("listen() answers requests in progress before it stops", async () => {
  const arrived = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  const server = listen(OPTIONS, async () => {
    arrived.resolve();
    await release.promise;
    return new Response("late");
  });
  const answer = fetch(`http://127.0.0.1:${server.addr.port}`).then((answer) => answer.text());
  await arrived.promise;
  const stopped = server.shutdown();
  release.resolve();
  assertEquals(await answer, "late");
  await stopped;
});
