/** The child's end of the channel: it takes over standard input and output. */
import { Console } from "node:console";
import process from "node:process";
import { Readable } from "node:stream";
import { encodeFrame, FrameDecoder } from "../frames.ts";
import type { FromChild, ToChild } from "../messages.ts";

/** Size of the read buffer in bytes. */
const BUFFER_BYTES = 64 * 1024;

/** Sends and receives messages of the worker. */
export interface Channel {
  /** Writes synchronously until the pipe has accepted everything. Thus progress leaves a busy handler too, and a slow reader slows the writer.
   *
   * @throws {RangeError} if it is too large for one frame */
  send(message: FromChild): void;
  /** Receives messages of the worker. Resolves when the worker closes the channel. */
  receive(take: (message: ToChild) => void): Promise<void>;
}

/** Takes over standard input and output. From now on, all other output, including `console`, goes to standard error, and standard input is
 * empty. */
export function takeChannel(): Channel {
  const write = Deno.stdout.writeSync.bind(Deno.stdout);
  const read = Deno.stdin.read.bind(Deno.stdin);
  Object.defineProperty(Deno, "stdin", { value: emptyInput() });
  Object.defineProperty(process, "stdin", { value: Readable.from([]) });
  Object.defineProperty(Deno, "stdout", { value: Deno.stderr });
  Object.defineProperty(process, "stdout", { value: process.stderr });
  Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) });
  return {
    send(message) {
      const frame = encodeFrame(message);
      try {
        for (let sent = 0; sent < frame.length;) sent += write(part(frame, sent));
      } catch (error) {
        broken(error);
      }
    },
    async receive(take) {
      const decoder = new FrameDecoder();
      const buffer = new Uint8Array(BUFFER_BYTES);
      for (;;) {
        const length = await read(buffer).catch(broken);
        if (length === null) return;
        for (const message of decoder.push(copy(buffer, length))) take(message as ToChild);
      }
    },
  };
}

const exit: typeof Deno.exit = Deno.exit;

/** Exits, because a child cannot work or report without its channel. */
function broken(error: unknown): never {
  const line =
    `Cannot talk to the worker because of ${error}: a handler must not close file descriptors 0 and 1\n`;
  Deno.stderr.writeSync(new TextEncoder().encode(line));
  exit(1);
}

const { apply } = Reflect;
const { slice, subarray } = Uint8Array.prototype as Uint8Array<ArrayBuffer>;

/** Like `frame.subarray(start)`, but safe if a handler has replaced that method. */
function part(frame: Uint8Array, start: number): Uint8Array<ArrayBuffer> {
  return apply(subarray, frame, [start]);
}

function copy(buffer: Uint8Array, length: number): Uint8Array<ArrayBuffer> {
  return apply(slice, buffer, [0, length]);
}

function emptyInput(): typeof Deno.stdin {
  return {
    read: () => Promise.resolve(null),
    readSync: () => null,
    close() {},
    readable: ReadableStream.from([]),
    setRaw() {},
    isTerminal: () => false,
  };
}
