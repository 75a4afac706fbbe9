/** Writing large messages to many slow readers: no more than a chunk of each is on its way to one. */
import type { SSEStreamingApi } from "hono/streaming";

/** Bytes on their way to one reader. */
const CHUNK_BYTES = 32 * 1024;

const HEARTBEAT = new TextEncoder().encode(": still here\n\n");

/** Writes messages one after the other, each in chunks that wait for the reader. */
export class ChunkWriter {
  readonly #stream: Pick<SSEStreamingApi, "write" | "aborted">;
  #last: Promise<void> = Promise.resolve();
  #writing = 0;

  constructor(stream: Pick<SSEStreamingApi, "write" | "aborted">) {
    this.#stream = stream;
  }

  /** Resolves when the reader has taken all of it, or is gone. */
  write(message: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#writing++;
    return this.#last = this.#last.then(async () => {
      for (let start = 0; start < message.length && !this.#stream.aborted; start += CHUNK_BYTES) {
        await this.#stream.write(message.subarray(start, start + CHUNK_BYTES));
      }
      this.#writing--;
    });
  }

  /** Writes a comment, unless something is being written. */
  beat(): void {
    if (this.#writing === 0) void this.write(HEARTBEAT);
  }
}
