/** The child's end of the channel: standard input and output, which are no longer anybody else's then. */
import { Console } from "node:console";
import process from "node:process";
import { encodeFrame, FrameDecoder } from "./frames.ts";
import type { FromChild, ToChild } from "./messages.ts";

/** Two-way talk with the worker. */
export interface Channel {
  /** Writes at once and waits until the pipe has taken all: so progress leaves a busy handler too, and a slow reader slows the writer.
   *
   * @throws {RangeError} when it is too large for one frame */
  send(message: FromChild): void;
  /** What the worker says; ends when the worker is gone. */
  readonly messages: AsyncIterable<ToChild>;
}

/** Takes standard output for the channel. Whatever else writes to it, `console` included, goes to standard error from now on. */
export function takeChannel(): Channel {
  const output = Deno.stdout;
  const input = Deno.stdin.readable;
  Object.defineProperty(Deno, "stdout", { value: Deno.stderr });
  Object.defineProperty(process, "stdout", { value: process.stderr });
  Object.assign(globalThis, { console: new Console(process.stderr, process.stderr) });
  return {
    send(message) {
      let frame = encodeFrame(message);
      while (frame.length > 0) frame = frame.subarray(output.writeSync(frame));
    },
    messages: read(input),
  };
}

async function* read(input: ReadableStream<Uint8Array>): AsyncGenerator<ToChild> {
  const decoder = new FrameDecoder();
  for await (const chunk of input) {
    for (const message of decoder.push(chunk)) yield message as ToChild;
  }
}
