/** Frames on the channel between a worker and a child process: the length (4 bytes, big-endian), then JSON in UTF-8. */

/** Largest JSON of a frame in bytes: 64 MiB, enough for any body that the API accepts, and its result. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

const HEADER_BYTES = 4;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

// Read before the app is loaded, so that a handler that replaces one of them cannot read the messages.
const { parse, stringify } = JSON;
const { assign, create } = Object;
const { apply } = Reflect;
const { setUint32 } = DataView.prototype;
const { set } = Uint8Array.prototype;
const encode = encoder.encode.bind(encoder);
const decode = decoder.decode.bind(decoder);

/** Encodes a plain object as one frame.
 *
 * @throws {RangeError} if it is larger than {@linkcode MAX_FRAME_BYTES}
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
  // A copy without a prototype has no toJSON().
  const body = encode(stringify(assign(create(null), value)));
  if (body.length > MAX_FRAME_BYTES) throw tooLarge(body.length);
  const frame = new Uint8Array(HEADER_BYTES + body.length);
  apply(setUint32, new DataView(frame.buffer), [0, body.length]);
  apply(set, frame, [body, HEADER_BYTES]);
  return frame;
}

/** Decodes frames from chunks of any size. */
export class FrameDecoder {
  #chunks: Uint8Array[] = [];
  #held = 0;
  #needed = HEADER_BYTES;
  #inBody = false;

  /** Adds a chunk and yields the values of the completed frames.
   *
   * @throws {RangeError} if the length of a frame exceeds {@linkcode MAX_FRAME_BYTES}
   * @throws {SyntaxError | TypeError} if a frame is not JSON in UTF-8 */
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

  /** Removes bytes from the front. Joins the chunks only once for each frame. */
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
