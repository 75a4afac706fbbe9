import { assertEquals } from "@std/assert";
import { readLines } from "../../../../workers/sandbox/read_lines.ts";

async function lines(chunks: string[], maxLength = 100): Promise<string[]> {
  const stream = ReadableStream.from(chunks).pipeThrough(new TextEncoderStream());
  return await Array.fromAsync(readLines(stream, maxLength));
}

Deno.test("readLines() yields the same lines for any chunks", async () => {
  assertEquals(await lines(["a\nb", "c\r\n\nd"]), ["a", "bc", "", "d"]);
  assertEquals(await lines([]), []);
});

Deno.test("readLines() splits a long line", async () => {
  assertEquals(await lines(["abcdef\ngh"], 4), ["abcd", "ef", "gh"]);
  assertEquals(await lines(["abcdefghi"], 4), ["abcd", "efgh", "i"]);
});
