/** Writes large messages to slow clients with bounded memory: at most one chunk per client is in flight. */
import type { SSEStreamingApi } from "hono/streaming";

/** Bytes of one chunk. */
const CHUNK_BYTES = 32 * 1024;

const HEARTBEAT = new TextEncoder().encode(": still here\n\n");

/** Writes messages in order, in chunks, with backpressure. */
export class ChunkWriter {
  readonly #stream: Pick<SSEStreamingApi, "write" | "aborted">;
  #last: Promise<void> = Promise.resolve();
  #writing = 0;
  #isSignalled = false;

  constructor(stream: Pick<SSEStreamingApi, "write" | "aborted">) {
    this.#stream = stream;
  }

  /** Resolves when the client has read the message or disconnected. */
  write(message: Uint8Array<ArrayBuffer>): Promise<void> {
    this.#writing++;
    return this.#last = this.#last.then(async () => {
      for (let start = 0; start < message.length && !this.#stream.aborted; start += CHUNK_BYTES) {
        await this.#stream.write(message.subarray(start, start + CHUNK_BYTES));
      }
      this.#writing--;
    });
  }

  /** Writes a message without data, unless the same one waits already: to a client that reads slowly it says no more when repeated. */
  signal(message: Uint8Array<ArrayBuffer>): void {
    if (this.#isSignalled) return;
    this.#isSignalled = true;
    void this.#last.then(() => this.#isSignalled = false);
    void this.write(message);
  }

  /** Writes a comment, unless a message is being written. */
  beat(): void {
    if (this.#writing === 0) void this.write(HEARTBEAT);
  }
}
