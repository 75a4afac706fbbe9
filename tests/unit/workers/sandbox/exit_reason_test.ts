import { assertEquals, assertStringIncludes } from "@std/assert";
import { ExitReason } from "../../../../workers/sandbox/exit_reason.ts";

Deno.test("ExitReason detects the start of V8's crash report", () => {
  const words = new ExitReason({ heapMb: 64 });
  const dying = ["printed", "<--- Last few GCs --->", "", "[7:0x1] 90 ms: Scavenge"].map((line) => {
    words.add(line);
    return words.dying;
  });
  assertEquals(dying, [false, true, true, true]);
  words.add("# Fatal JavaScript out of memory: Reached heap limit");
  assertEquals(words.outOfMemory, true);
  const explained = words.explain({ success: false, code: 133, signal: "SIGTRAP" });
  assertStringIncludes(explained, "64 MiB of heap");
});
