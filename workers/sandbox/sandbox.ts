/** One warm child process, seen from the worker. */
import { getLogger } from "@logtape/logtape";
import { parseJson, stringifyJson } from "../../shared/celery/json.ts";
import {
  ConfigurationError,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLost,
} from "../../shared/errors.ts";
import type { TimeLimit } from "../../shared/task.ts";
import { childCommand, type ChildOptions } from "./command.ts";
import { type ErrorRecord, recordError, reviveError } from "./error_record.ts";
import { encodeFrame, FrameDecoder } from "./frames.ts";
import { LastWords } from "./last_words.ts";
import { readLines } from "./lines.ts";
import type { FromChild, SandboxLogLine, ToChild } from "./messages.ts";

/** One attempt for a child to run. */
export interface SandboxTask {
  readonly id: string;
  readonly name: string;
  /** Arguments by name as they came: the child parses them itself, as only so what a schema makes of them (dates, sets) reaches the handler. */
  readonly input: Record<string, unknown>;
  readonly attempt: number;
  readonly deliveries: number;
  /** Counted from when a child takes the task. */
  readonly timeLimit: TimeLimit;
}

/** How to run a task. */
export interface SandboxRunOptions {
  /** Aborts `context.signal` in the child for the same reason. A task that still waits for a child is rejected with the reason; one that runs is not ended by it. */
  readonly signal?: AbortSignal;
  /** Ends the task wherever it is, its child with SIGKILL: it is rejected with this signal's reason, an error. */
  readonly terminate?: AbortSignal;
  /** Hears what the handler gives to `context.progress`. */
  onProgress?(value: unknown): void;
  /** Hears what the handler gives to `context.log`. */
  onLog?(line: SandboxLogLine): void;
}

/** The child died before it began with the task, which may so be given to another. */
export class NeverStarted extends WorkerLost {}

/** Milliseconds in which a child must have loaded the app's modules. */
const READY_MS = 60_000;

/** Characters of a line on standard error. */
const MAX_LINE = 8 * 1024;

/** The longest time that a timer can be set to, milliseconds. */
const MAX_TIMER_MS = 2 ** 31 - 1;

interface Attempt {
  readonly run: number;
  readonly task: SandboxTask;
  readonly options: SandboxRunOptions;
  readonly resolve: (result: string) => void;
  readonly reject: (error: unknown) => void;
  started: boolean;
}

/** A child process that runs one task at a time. */
export class Sandbox {
  readonly pid: number;
  /** Resolves when the child can take a task; rejects when it never will. */
  readonly ready: Promise<void>;
  /** Resolves when the process is gone. */
  readonly ended: Promise<void>;
  readonly #process: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #lastWords: LastWords;
  #runs = 0;
  #attempt: Attempt | undefined;
  #killed: Error | undefined;
  #gone = false;

  private constructor(process: Deno.ChildProcess, heapMb: number) {
    this.#process = process;
    this.#lastWords = new LastWords({ heapMb });
    this.#writer = process.stdin.getWriter();
    this.pid = process.pid;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // whoever awaits it hears of it; nobody may
    this.ended = this.#watch();
  }

  /** Starts a child.
   *
   * @throws {ConfigurationError} when this process may not run Deno */
  static async start(options: ChildOptions): Promise<Sandbox> {
    const command = await childCommand(options);
    try {
      return new Sandbox(command.spawn(), options.heapMb);
    } catch (cause) {
      if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
      const path = Deno.execPath();
      throw new ConfigurationError(
        `Cannot start a child process as '${path}' may not be run: add --allow-run=${path}`,
        { cause },
      );
    }
  }

  /** Whether it can take another task. */
  get usable(): boolean {
    return !this.#gone && this.#killed === undefined;
  }

  /** Ends the process at once, whatever it does; what runs is rejected with the error given. */
  kill(why: Error): void {
    if (!this.usable) return;
    this.#killed = why;
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has just ended by itself
    }
  }

  /** Runs a task; the last one must be over.
   *
   * @throws as `ProcessPool.run` does, and {@linkcode NeverStarted} */
  async run(task: SandboxTask, options: SandboxRunOptions): Promise<string> {
    const run = ++this.#runs;
    const { id, name, attempt, deliveries } = task;
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const order: ToChild = {
      type: "run",
      run,
      id,
      name,
      input: stringifyJson(task.input),
      attempt,
      deliveries,
    };
    const frame = encodeFrame(order);
    this.#attempt = { run, task, options, resolve, reject, started: false };
    this.#lastWords.clear();
    if (this.#gone) {
      reject(new NeverStarted(`Cannot start task '${name}' as its child process is gone`));
    }
    this.#write(frame);
    const abort = (reason: unknown) =>
      this.#send({ type: "abort", run, reason: recordError(reason) });
    const timers = this.#limit(task.timeLimit, abort);
    const onAbort = () => abort(options.signal?.reason);
    const onTerminate = () => this.kill(options.terminate?.reason);
    options.signal?.addEventListener("abort", onAbort);
    options.terminate?.addEventListener("abort", onTerminate);
    if (options.terminate?.aborted) onTerminate();
    try {
      return await promise;
    } finally {
      this.#attempt = undefined;
      options.signal?.removeEventListener("abort", onAbort);
      options.terminate?.removeEventListener("abort", onTerminate);
      for (const timer of timers) clearTimeout(timer);
    }
  }

  #limit(
    { soft, hard }: TimeLimit,
    abort: (reason: Error) => void,
  ): ReturnType<typeof setTimeout>[] {
    const timer = (seconds: number, act: () => void) =>
      setTimeout(act, Math.min(seconds * 1000, MAX_TIMER_MS));
    return [
      ...(soft === undefined ? [] : [timer(soft, () => abort(new SoftTimeLimitExceeded(soft)))]),
      ...(hard === undefined ? [] : [timer(hard, () => this.kill(new TimeLimitExceeded(hard)))]),
    ];
  }

  #send(message: ToChild): void {
    this.#write(encodeFrame(message));
  }

  #write(frame: Uint8Array<ArrayBuffer>): void {
    this.#writer.write(frame).catch(() => {}); // a closed pipe means a dead child, which `#watch` sees
  }

  /** Follows the process until it is gone. */
  async #watch(): Promise<void> {
    const timer = setTimeout(() => {
      this.kill(
        new ConfigurationError(
          `Cannot use child process ${this.pid} as it did not load the app's modules within ${
            READY_MS / 1000
          } s: make them load faster`,
        ),
      );
    }, READY_MS);
    this.ready.catch(() => {}).finally(() => clearTimeout(timer));
    const [, , status] = await Promise.all([this.#listen(), this.#forward(), this.#process.status]);
    await this.#writer.close().catch(() => {});
    this.#gone = true;
    const lost = this.#lost(status);
    if (!this.#killed) logger.warn("{message}", { message: lost.message, pid: this.pid });
    this.#ready.reject(lost);
    this.#attempt?.reject(lost);
  }

  async #listen(): Promise<void> {
    const decoder = new FrameDecoder();
    for await (const chunk of this.#process.stdout) {
      if (this.#killed) continue; // drained, so that the pipe closes
      try {
        for (const message of decoder.push(chunk)) this.#hear(message as FromChild);
      } catch (cause) {
        this.kill(
          new WorkerLost(
            `Cannot go on with child process ${this.pid} as it wrote to the channel of its worker: a handler must not write to file descriptor 1`,
            { cause },
          ),
        );
      }
    }
  }

  #hear(message: FromChild): void {
    switch (message.type) {
      case "ready":
        this.#ready.resolve();
        return;
      case "unusable":
        this.kill(unusable(message.error));
        return;
    }
    const attempt = this.#attempt;
    if (attempt?.run !== message.run) return; // what an earlier attempt left behind
    switch (message.type) {
      case "started":
        attempt.started = true;
        return;
      case "progress":
        attempt.options.onProgress?.(parseJson(message.value, { typed: "keep" }));
        return;
      case "log":
        attempt.options.onLog?.(message.line);
        return;
      case "done":
        attempt.resolve(message.result);
        return;
      case "failed":
        attempt.reject(reviveError(message.error));
        return;
      default:
        throw new TypeError(`Unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  async #forward(): Promise<void> {
    for await (const line of readLines(this.#process.stderr, MAX_LINE)) {
      this.#lastWords.add(line);
      const { id, name } = this.#attempt?.task ?? {};
      logger.info("{line}", { line, pid: this.pid, id, name });
    }
  }

  #lost(status: Deno.CommandStatus): Error {
    if (this.#killed) return this.#killed;
    const { task, started } = this.#attempt ?? {};
    const what = task ? `finish task '${task.name}'` : "use a child process";
    const message = `Cannot ${what} as ${this.#lastWords.explain(status)}`;
    return started === false ? new NeverStarted(message) : new WorkerLost(message);
  }
}

function unusable(record: ErrorRecord): Error {
  const error = reviveError(record);
  if (error instanceof ConfigurationError) return error;
  return new ConfigurationError(
    `Cannot load the app's modules in a child process as ${record.name}: ${record.message}: a child has no permissions, so keep what needs them out of the top level`,
    { cause: error },
  );
}

const logger = getLogger(["celeriac", "sandbox"]);
