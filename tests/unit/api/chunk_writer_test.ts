import { assertEquals } from "@std/assert";
import { ChunkWriter } from "../../../api/http/chunk_writer.ts";

Deno.test("signal() keeps one message for a client that does not read, and loses no later one", async () => {
  const written: string[] = [];
  let read = () => {};
  const writer = new ChunkWriter({
    aborted: false,
    write(chunk) {
      written.push(new TextDecoder().decode(chunk as Uint8Array));
      return new Promise((resolve) => read = () => resolve(undefined as never));
    },
  });
  const settle = () => new Promise((resolve) => setTimeout(resolve));
  const changed = new TextEncoder().encode("changed");
  for (let time = 0; time < 1000; time++) writer.signal(changed);
  await settle();
  assertEquals(written, ["changed"]);
  for (let time = 0; time < 1000; time++) writer.signal(changed);
  read();
  await settle();
  assertEquals(written, ["changed", "changed"]);
  read();
  await settle();
  assertEquals(written.length, 2);
});
