/** Warm child processes that run handlers apart from the worker. */
import type { Service } from "../../shared/service.ts";
import type { TimeLimit } from "../../shared/task.ts";

/** How to make a {@linkcode ProcessPool}. */
export interface ProcessPoolOptions {
  /** Children kept warm, each running one task at a time. */
  readonly size: number;
  /** URL of the module that exports the handlers. */
  readonly handlersModule: string;
  /** URL of the module that exports the contracts. */
  readonly contractsModule: string;
  /** Path of the `deno.json` by which the two modules resolve their imports. */
  readonly configFile?: string;
  /** MiB of JavaScript heap a child may have. Default 256. */
  readonly heapMb?: number;
}

/** One attempt for a child to run. */
export interface SandboxTask {
  readonly id: string;
  readonly name: string;
  /** Arguments by name as they came, not yet parsed: the child parses them, as only so transformed values (dates, sets) reach the handler. */
  readonly input: Record<string, unknown>;
  readonly attempt: number;
  readonly deliveries: number;
  readonly timeLimit: TimeLimit;
}

/** A log line of a handler in a child. */
export interface SandboxLogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly message: string;
  readonly properties: Record<string, unknown>;
}

/** How to run a task. */
export interface SandboxRunOptions {
  /** Aborts `context.signal` in the child with the same name and message; does not end the run by itself. */
  readonly signal?: AbortSignal;
  /** Hears what the handler gives to `context.progress`. */
  onProgress?(value: unknown): void;
  /** Hears what the handler gives to `context.log`. */
  onLog?(line: SandboxLogLine): void;
}

/** Child processes kept warm, and a waiting line when all are busy. */
export class ProcessPool implements Service {
  readonly #options: ProcessPoolOptions;

  constructor(options: ProcessPoolOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {}

  /** Runs a task in the next free child.
   *
   * @returns JSON text of what the handler returned
   * @throws the handler's own error, with its name, message and stack; {@linkcode Retry} and {@linkcode Reject} as such
   * @throws {InvalidInput} when the contract does not take the input
   * @throws {TimeLimitExceeded} when the hard limit passed
   * @throws {WorkerLost} when the child died */
  run(task: SandboxTask, _options: SandboxRunOptions = {}): Promise<string> {
    throw new Error(`${task.name} ${this.#options.size}`);
  }

  async stop(): Promise<void> {}

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
