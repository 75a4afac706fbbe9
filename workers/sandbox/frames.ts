/** Frames on the channel between a worker and a child process: 4 bytes of length (big-endian), then so much JSON in UTF-8. */

/** Bytes of JSON that one frame may have: 64 MiB, room for any body the API takes and its result. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

const HEADER_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

// Taken before the app is loaded: a handler that replaces one of them must not see what is written and read here.
const { parse, stringify } = JSON;
const { assign, create } = Object;
const { apply } = Reflect;
const { setUint32 } = DataView.prototype;
const { set } = Uint8Array.prototype;
const encode = encoder.encode.bind(encoder);
const decode = decoder.decode.bind(decoder);

/** Encodes a plain object as one frame.
 *
 * @throws {RangeError} when it is larger than {@linkcode MAX_FRAME_BYTES}
 *
 * @example
 * ```ts
 * import { encodeFrame, FrameDecoder } from "./frames.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const frame = encodeFrame({ type: "ready" });
 * const decoder = new FrameDecoder();
 * assertEquals([...decoder.push(frame.subarray(0, 7))], []);
 * assertEquals([...decoder.push(frame.subarray(7))], [{ type: "ready" }]);
 * ```
 */
export function encodeFrame(value: object): Uint8Array<ArrayBuffer> {
  // Without a prototype it has no toJSON().
  const body = encode(stringify(assign(create(null), value)));
  if (body.length > MAX_FRAME_BYTES) throw tooLarge(body.length);
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  apply(setUint32, new DataView(frame.buffer), [0, body.length]);
  apply(set, frame, [body, HEADER_BYTES]);
  return frame;
}

/** Puts frames together from chunks of whatever size. */
export class FrameDecoder {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #needed = HEADER_BYTES;
  #inBody = false;

  /** Takes a chunk and gives the values of the frames that it completes.
   *
   * @throws {RangeError} when a frame says that it is larger than {@linkcode MAX_FRAME_BYTES}
   * @throws {SyntaxError | TypeError} when a frame is not JSON in UTF-8 */
  *push(chunk: Uint8Array): Generator<unknown> {
    this.#chunks.push(chunk);
    this.#held += chunk.length;
    while (this.#held >= this.#needed) {
      const bytes = this.#take(this.#needed);
      if (this.#inBody) {
        this.#expect(HEADER_BYTES, false);
        yield parse(decode(bytes));
      } else {
        const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
        if (length > MAX_FRAME_BYTES) throw tooLarge(length);
        this.#expect(length, true);
      }
    }
  }

  #expect(bytes: number, inBody: boolean): void {
    this.#needed = bytes;
    this.#inBody = inBody;
  }

  /** Takes that many bytes off the front; joins the chunks once a frame, however many there are. */
  #take(length: number): Uint8Array {
    const [first] = this.#chunks;
    const held = this.#chunks.length === 1 && first ? first : concatenate(this.#chunks, this.#held);
    this.#held -= length;
    this.#chunks = this.#held > 0 ? [held.subarray(length)] : [];
    return held.subarray(0, length);
  }
}

function concatenate(chunks: readonly Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

function tooLarge(bytes: number): RangeError {
  return new RangeError(
    `Cannot pass ${bytes} bytes between worker and child process because only ${MAX_FRAME_BYTES} are allowed: pass a reference to stored data instead`,
  );
}
