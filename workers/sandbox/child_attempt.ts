/** One attempt in a child process, seen from the worker: its limits, and how much of them is used. */
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import { parseJson, stringifyJson } from "../../shared/celery/python_json.ts";
import {
  InvalidInput,
  PolicyViolation,
  SoftTimeLimitExceeded,
  Terminated,
  TimeLimitExceeded,
  type Violation,
} from "../../shared/errors.ts";
import { presentTrace } from "../../shared/telemetry/tracing.ts";
import { watchFolder } from "./folders/folder_watch.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";
import { type KnownRequest, wholeRequest, writeRequest } from "../running/request.ts";
import type { Submit } from "../running/task_submissions.ts";
import { recordError } from "./error_record.ts";
import type { FromChild, SandboxLogLine, ToChild } from "./messages.ts";

/** One attempt for a child to run. */
export interface SandboxTask extends KnownRequest {
  readonly name: string;
  /** Arguments by name as they came: the child parses them itself, as only so what a schema makes of them (dates, sets) reaches the handler. */
  readonly input: Record<string, unknown>;
  readonly deliveries: number;
  /** Counted from when a child has begun with the task. */
  readonly timeLimit: TimeLimit;
  /** Seconds of processor time. */
  readonly cpu?: number;
  /** MiB that it may write to its worker. Default 64. */
  readonly outputMb?: number;
  /** MiB on the disk that its folder may child. Default 256. */
  readonly folderMb?: number;
  /** Names in its folder. Default 10,000. */
  readonly folderFiles?: number;
}

/** How to run a task. */
export interface SandboxRunOptions {
  /** Aborts `context.signal` in the child for the same reason. A task that still waits for a child is rejected with the reason; one that runs is not ended by it. */
  readonly signal?: AbortSignal;
  /** Ends the task wherever it is, its child with SIGKILL: it is rejected with this signal's reason, an error. */
  readonly terminate?: AbortSignal;
  /** Sends what the handler gives to `context.submit`; a task without it may send nothing. */
  readonly submit?: Submit;
  /** Told before the result when that is work which takes the task's place; a task without it may not be replaced. */
  onReplaced?(): void;
  /** Hears what the handler gives to `context.progress`. */
  onProgress?(value: unknown): void;
  /** Hears what the handler gives to `context.log`. */
  onLog?(line: SandboxLogLine): void;
  /** Hears what the task left uncaught, also after its end (`late`). */
  onUncaught?(error: unknown, late: boolean): void;
  /** Hears what the task did that it may not, whether it was denied or ended for it. */
  onViolation?(violation: Violation, what: string): void;
}

/** MiB that an attempt may write unless told otherwise: room for any body that the API takes, and its result. */
const DEFAULT_OUTPUT_MB = 64;

const DEFAULT_FOLDER_MB = 256;
const DEFAULT_FOLDER_FILES = 10_000;

/** Lines of log and standard error in one attempt: each costs the worker time. */
const LINES_MAX = 10_000;

/** The longest time that a timer can be set to, milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** What an attempt needs of its child. */
export interface ChildHandle {
  send(message: ToChild): void;
  /** Ends the process, and the attempt with this error. */
  kill(why: Error): void;
}

/** Runs from its making to {@linkcode ChildAttempt.close}. */
export class ChildAttempt {
  /** Names it to the child: nobody else knows. */
  readonly run = crypto.randomUUID();
  readonly task: SandboxTask;
  readonly options: SandboxRunOptions;
  readonly #child: ChildHandle;
  readonly #settled = Promise.withResolvers<string>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  /** The child has begun with it. */
  started = false;
  /** The child has said what it led to. */
  settled = false;
  readonly #over = new AbortController();
  #bytes = 0;
  #lines = 0;
  /** Processor seconds of the child when they were first measured. */
  #cpuBefore: number | undefined;

  constructor(task: SandboxTask, options: SandboxRunOptions, child: ChildHandle) {
    this.task = task;
    this.options = options;
    this.#child = child;
  }

  /** What the child is told. */
  order(): ToChild {
    const { name, input, deliveries } = this.task;
    const trace = presentTrace();
    return {
      type: "run",
      run: this.run,
      request: writeRequest(wholeRequest(this.task)),
      name,
      input: stringifyJson(input),
      deliveries,
      ...(trace && { trace }),
    };
  }

  /** What it led to: JSON text of the result. */
  get outcome(): Promise<string> {
    return this.#settled.promise;
  }

  resolve(result: string): void {
    this.settled = true;
    this.#settled.resolve(result);
  }

  done({ result, replaces }: Extract<FromChild, { type: "done" }>): void {
    const { onReplaced } = this.options;
    if (replaces && !onReplaced) return this.reject(mayNotSend(this.task.name));
    if (replaces) onReplaced?.();
    this.resolve(result);
  }

  /** Sends work for the handler, and answers. */
  async submit({ run, call, work, key }: Extract<FromChild, { type: "submit" }>): Promise<void> {
    this.wrote(0, 1);
    const send = async () => {
      if (!this.options.submit) throw mayNotSend(this.task.name);
      const parsed = parseJson(work, { typed: "keep" }) as WorkflowNode;
      return await this.options.submit(parsed, key === undefined ? {} : { key });
    };
    const answer = await send().catch((error) => ({ error: recordError(error) }));
    this.#child.send({ type: "submitted", run, call, answer });
  }

  reject(error: unknown): void {
    this.settled = true;
    this.#settled.reject(error);
  }

  /** The child has begun with it: sets the clocks going.
   *
   * @param folder the working directory of its child */
  begin(folder?: string): void {
    if (this.started) return;
    this.started = true;
    if (folder !== undefined) this.#watch(folder);
    const { soft, hard } = this.task.timeLimit;
    if (soft !== undefined) {
      this.#after(soft, () => this.#abortWith(new SoftTimeLimitExceeded(soft)));
    }
    if (hard !== undefined) this.#after(hard, () => this.#child.kill(new TimeLimitExceeded(hard)));
  }

  /** Heeds the caller's signals. */
  open(): void {
    const { signal, terminate } = this.options;
    signal?.addEventListener("abort", this.#abort);
    terminate?.addEventListener("abort", this.#end);
    if (terminate?.aborted) this.#end();
  }

  /** Stops the clocks. */
  close(): void {
    this.#over.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.options.signal?.removeEventListener("abort", this.#abort);
    this.options.terminate?.removeEventListener("abort", this.#end);
  }

  /** It wrote so much more. */
  wrote(bytes: number, lines = 0): void {
    this.#bytes += bytes;
    this.#lines += lines;
    const mostMb = this.task.outputMb ?? DEFAULT_OUTPUT_MB;
    const much = this.#bytes > mostMb * 2 ** 20 ? `${mostMb} MiB` : `${LINES_MAX} lines`;
    if (this.#bytes > mostMb * 2 ** 20 || this.#lines > LINES_MAX) {
      this.#exceeded("output", `it wrote more than ${much}: write less, or raise sandbox.outputMb`);
    }
  }

  /** Its child has used so much processor time since it was started, seconds. The first measurement after the attempt has begun is
   * where it counts from: what the child did before is not the attempt's. */
  used(cpu: number): void {
    this.#cpuBefore ??= cpu;
    const most = this.task.cpu;
    if (most !== undefined && cpu - this.#cpuBefore > most) {
      this.#exceeded(
        "cpu",
        `it used more than ${most} s of processor time: give it less to do, or raise sandbox.cpu`,
      );
    }
  }

  /** Its child holds more memory than it may, MiB. */
  outgrew(mostMb: number): void {
    this.#exceeded(
      "memory",
      `its child process held more than ${mostMb} MiB: give it less to do at once, or raise sandbox.residentMb`,
    );
  }

  /** The child is ended for this reason. */
  ended(why: Error): void {
    const { onViolation } = this.options;
    if (why instanceof PolicyViolation) onViolation?.(why.violation, why.message);
    if (why instanceof TimeLimitExceeded) onViolation?.("time", why.message);
  }

  readonly #abort = (): void => this.#abortWith(this.options.signal?.reason);

  #abortWith(reason: unknown): void {
    this.#child.send({ type: "abort", run: this.run, reason: recordError(reason) });
  }

  readonly #end = (): void => {
    const why = this.options.terminate?.reason;
    this.#child.kill(why instanceof Error ? why : new Terminated());
  };

  #watch(folder: string): void {
    const { folderMb = DEFAULT_FOLDER_MB, folderFiles = DEFAULT_FOLDER_FILES } = this.task;
    const { signal } = this.#over;
    void watchFolder(
      folder,
      { folderMb, folderFiles },
      signal,
      (reason) => this.#exceeded("folder", reason),
    );
  }

  #exceeded(violation: Violation, reason: string): void {
    this.#child.kill(
      new PolicyViolation(
        `Cannot go on with task '${this.task.name}' because ${reason}`,
        violation,
      ),
    );
  }

  #after(seconds: number, act: () => void): void {
    this.#timers.push(setTimeout(act, Math.min(seconds * 1000, TIMER_MAX_MS)));
  }
}

/** A child sends nothing unless its contract says so: what confines a task does not confine those that it would send. */
function mayNotSend(name: string): InvalidInput {
  return new InvalidInput(
    `Cannot send a task from task '${name}' because it runs in a child process: set submits: true in its contract, if its code may start any task`,
  );
}
