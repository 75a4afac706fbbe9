/** Standard error of a child: logged by line, with the running task, and kept to explain the child's end. */
import { getLogger } from "@logtape/logtape";
import type { ChildAttempt } from "./child_attempt.ts";
import { ExitReason } from "./exit_reason.ts";
import { readLines } from "./read_lines.ts";

/** Characters of a line. */
const MAX_LINE = 8 * 1024;

/** Lines allowed from a child without a task. A few may be late; more mean that a task left something running. */
const IDLE_LINES = 100;

/** The child that writes. */
export interface Writing {
  readonly pid: number;
  /** Whether it is being killed. Its output is then of no interest. */
  readonly ending: boolean;
  readonly attempt: ChildAttempt | undefined;
  /** Called if it keeps writing while no task runs. */
  chatters(): void;
}

/** Logs the standard error of one child. */
export class ChildLog {
  readonly #exitReason: ExitReason;
  #idleLines = 0;

  constructor(options: { readonly heapMb: number }) {
    this.#exitReason = new ExitReason(options);
  }

  /** Discards the output of earlier tasks. Call it when a task starts. */
  begin(): void {
    this.#exitReason.clear();
    this.#idleLines = 0;
  }

  /** Whether the heap was full. */
  get outOfMemory(): boolean {
    return this.#exitReason.outOfMemory;
  }

  /** Why the child ended. */
  explain(status: Deno.CommandStatus): string {
    return this.#exitReason.explain(status);
  }

  /** Logs until the child closes the stream. */
  async follow(stream: ReadableStream<Uint8Array<ArrayBuffer>>, child: Writing): Promise<void> {
    for await (const line of readLines(stream, MAX_LINE)) {
      this.#exitReason.add(line);
      if (child.ending) continue;
      if (child.attempt) child.attempt.wrote(line.length, 1);
      else if (++this.#idleLines > IDLE_LINES) child.chatters();
      const { id, name } = child.attempt?.task ?? {};
      const level = this.#exitReason.dying ? "debug" : "info";
      logger[level]("{line}", { line, pid: child.pid, id, name });
    }
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
