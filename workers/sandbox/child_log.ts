/** Standard error of a child: logged line by line, with the task that runs, and kept to explain the child's end. */
import { getLogger } from "@logtape/logtape";
import type { Attempt } from "./child_attempt.ts";
import { LastWords } from "./exit_reason.ts";
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
  readonly attempt: Attempt | undefined;
  /** It writes without end, and no task runs. */
  chatters(): void;
}

/** Logs what one child writes. */
export class ChildLog {
  readonly #words: LastWords;
  #idleLines = 0;

  constructor(options: { readonly heapMb: number }) {
    this.#words = new LastWords(options);
  }

  /** A task begins: what came before explains nothing. */
  begin(): void {
    this.#words.clear();
    this.#idleLines = 0;
  }

  /** Whether the heap was full. */
  get outOfMemory(): boolean {
    return this.#words.outOfMemory;
  }

  /** Why the child ended. */
  explain(status: Deno.CommandStatus): string {
    return this.#words.explain(status);
  }

  /** Logs until the child closes the stream. */
  async follow(stream: ReadableStream<Uint8Array<ArrayBuffer>>, child: Writing): Promise<void> {
    for await (const line of readLines(stream, MAX_LINE)) {
      this.#words.add(line);
      if (child.ending) continue;
      if (child.attempt) child.attempt.wrote(line.length, 1);
      else if (++this.#idleLines > IDLE_LINES) child.chatters();
      const { id, name } = child.attempt?.task ?? {};
      const level = this.#words.dying ? "debug" : "info";
      logger[level]("{line}", { line, pid: child.pid, id, name });
    }
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
