/** Standard error of a child: logged line by line, with the task that runs, and kept to explain the child's end. */
import { getLogger } from "@logtape/logtape";
import type { ChildAttempt } from "./child_attempt.ts";
import { ExitReason } from "./exit_reason.ts";
import { readLines } from "./read_lines.ts";

/** Characters of a line. */
const MAX_LINE = 8 * 1024;

/** Lines of a child that runs no task. A few may come late; more come from something that a task has left. */
const IDLE_LINES = 100;

/** The child that writes. */
export interface Writing {
  readonly pid: number;
  /** Whether it is being ended. What it writes then explains nothing. */
  readonly ending: boolean;
  readonly attempt: ChildAttempt | undefined;
  /** It writes without end, and no task runs. */
  chatters(): void;
}

/** Logs what one child writes. */
export class ChildLog {
  readonly #exitReason: ExitReason;
  #idleLines = 0;

  constructor(options: { readonly heapMb: number }) {
    this.#exitReason = new ExitReason(options);
  }

  /** A task begins: what came before explains nothing. */
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
