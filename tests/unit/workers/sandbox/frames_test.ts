import { assertEquals, assertThrows } from "@std/assert";
import { encodeFrame, FrameDecoder, MAX_FRAME_BYTES } from "../../../../workers/sandbox/frames.ts";

function header(length: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

function joined(...parts: Uint8Array[]): Uint8Array {
  return new Uint8Array(parts.flatMap((part) => [...part]));
}

Deno.test("encodeFrame() starts with the length in bytes", () => {
  assertEquals(encodeFrame({ a: "é" }), joined(header(10), new TextEncoder().encode('{"a":"é"}')));
});

Deno.test("encodeFrame() rejects a value above the size limit", () => {
  assertThrows(
    () => encodeFrame({ a: "x".repeat(MAX_FRAME_BYTES - 7) }),
    RangeError,
    "are allowed",
  );
  assertEquals(encodeFrame({ a: "x".repeat(MAX_FRAME_BYTES - 8) }).length, MAX_FRAME_BYTES + 4);
});

Deno.test("push() yields the same frames for any chunks", () => {
  const values = [{ a: "ไทย" }, {}, { a: "" }, { b: null }, { nested: { list: [true] } }];
  const stream = joined(...values.map((value) => encodeFrame(value)));
  for (let size = 1; size <= stream.length; size++) {
    const decoder = new FrameDecoder();
    const found: unknown[] = [];
    for (let at = 0; at < stream.length; at += size) {
      found.push(...decoder.push(stream.subarray(at, at + size)));
    }
    assertEquals(found, values, `chunks of ${size}`);
  }
});

Deno.test("push() rejects an oversized frame by its length", () => {
  assertThrows(() => [...new FrameDecoder().push(header(MAX_FRAME_BYTES + 1))], RangeError);
});

Deno.test("push() rejects a frame that is not JSON", () => {
  assertThrows(
    () => [...new FrameDecoder().push(joined(header(2), new Uint8Array([120, 121])))],
    SyntaxError,
  );
  assertThrows(
    () => [...new FrameDecoder().push(joined(header(1), new Uint8Array([0xff])))],
    TypeError,
  );
});
