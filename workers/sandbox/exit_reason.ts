/** Explains the exit of a child process with its last lines of standard error. */

/** Number of lines that are kept. */
const KEPT_LINES = 5;

/** First line that V8 writes when it aborts the process. */
const DYING = /^<--- (Last few GCs|JS stacktrace) --->$|^# Fatal /;

/** V8 writes one of these when the heap is full. */
const OUT_OF_MEMORY = /JavaScript (heap )?out of memory/;

/** Keeps the last lines of a child and explains its exit with them.
 *
 * @example
 * ```ts
 * import { ExitReason } from "./exit_reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const words = new ExitReason({ heapMb: 64 });
 * words.add("error: Uncaught Error: boom");
 * assertEquals(
 *   words.explain({ success: false, code: 1, signal: null }),
 *   "its child process ended with exit code 1: see what it wrote last: error: Uncaught Error: boom",
 * );
 * ```
 */
export class ExitReason {
  readonly #heapMb: number;
  readonly #lines: string[] = [];
  #outOfMemory = false;
  #dying = false;

  constructor({ heapMb }: { heapMb: number }) {
    this.#heapMb = heapMb;
  }

  add(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > KEPT_LINES) this.#lines.shift();
    this.#outOfMemory ||= OUT_OF_MEMORY.test(line);
    this.#dying ||= this.#outOfMemory || DYING.test(line);
  }

  /** Whether the heap was full. */
  get outOfMemory(): boolean {
    return this.#outOfMemory;
  }

  /** Whether V8 has started to write its crash report, which is only useful to developers of V8. */
  get dying(): boolean {
    return this.#dying;
  }

  /** Discards the lines of earlier tasks. */
  clear(): void {
    this.#lines.length = 0;
    this.#dying = false;
  }

  /** Describes why the child ended, with a remedy. */
  explain({ code, signal }: Deno.CommandStatus): string {
    if (this.#outOfMemory) {
      return `its child process ran out of its ${this.#heapMb} MiB of heap: give it less to do at once or raise the heap`;
    }
    const how = signal ? `was ended by ${signal}` : `ended with exit code ${code}`;
    return `its child process ${how}: see what it wrote last: ${
      this.#lines.join(" | ") || "nothing"
    }`;
  }
}
