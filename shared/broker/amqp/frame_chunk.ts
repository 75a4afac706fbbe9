/** Collects the frames of published messages, so that many become one write. A write for each message costs as much as the rest of it. */
import { Buffer } from "node:buffer";

/** Bytes of a chunk. */
const SIZE = 64 * 1024;

/** Bytes of a body frame besides the body. */
const OVERHEAD = 8;

/** The frames of one message. */
export interface MessageFrames {
  readonly channel: number;
  readonly method: Uint8Array;
  readonly header: Uint8Array;
  readonly body: Uint8Array;
}

/** Frames of messages of one channel, in the order of their publication.
 *
 * @example
 * ```ts
 * import { FrameChunk } from "./frame_chunk.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const chunk = new FrameChunk();
 * const frames = { channel: 1, method: new Uint8Array([1]), header: new Uint8Array([2]) };
 * assertEquals(chunk.add({ ...frames, body: new Uint8Array([9]) }, 131_072), true);
 * assertEquals([...chunk.take()], [1, 2, 3, 0, 1, 0, 0, 0, 1, 9, 0xce]);
 * assertEquals(chunk.isEmpty, true);
 * ```
 */
export class FrameChunk {
  readonly #bytes = Buffer.allocUnsafeSlow(SIZE);
  #at = 0;

  get isEmpty(): boolean {
    return this.#at === 0;
  }

  /** Adds the frames of one message. Returns `false` and adds nothing if there is no room, or the body needs several frames.
   *
   * @param frameMax maximum bytes of a frame */
  add({ channel, method, header, body }: MessageFrames, frameMax: number): boolean {
    const bodyFrame = body.length === 0 ? 0 : body.length + OVERHEAD;
    const size = method.length + header.length + bodyFrame;
    if (this.#at + size > SIZE || bodyFrame > frameMax) return false;
    this.#append(method);
    this.#append(header);
    if (bodyFrame > 0) {
      this.#bytes[this.#at] = 3; // body frame
      this.#bytes.writeUInt16BE(channel, this.#at + 1);
      this.#bytes.writeUInt32BE(body.length, this.#at + 3);
      this.#at += 7;
      this.#append(body);
      this.#bytes[this.#at++] = 0xce;
    }
    return true;
  }

  /** Removes all frames; returns them in a buffer of their own. */
  take(): Buffer {
    const frames = Buffer.from(this.#bytes.subarray(0, this.#at));
    this.#at = 0;
    return frames;
  }

  #append(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }
}
