/** One attempt in a child process, on the worker's side. Enforces its limits. */
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

/** An attempt to run in a child process. */
export interface SandboxTask extends KnownRequest {
  readonly name: string;
  /** Arguments by name as received. The child parses them itself, because parsed values such as dates and sets cannot be sent to it. */
  readonly input: Record<string, unknown>;
  readonly deliveries: number;
  /** Time limits, measured from the start in the child. */
  readonly timeLimit: TimeLimit;
  /** Seconds of processor time. */
  readonly cpu?: number;
  /** MiB of output to the worker. Default 64. */
  readonly outputMb?: number;
  /** MiB on the disk that its folder may child. Default 256. */
  readonly folderMb?: number;
  /** Files, folders and links in its folder. Default 10,000. */
  readonly folderFiles?: number;
}

/** Signals and callbacks of a run. */
export interface SandboxRunOptions {
  /** Aborts `context.signal` in the child with the same reason. A task that still waits for a child is rejected with the reason. A running
   * task is not ended. */
  readonly signal?: AbortSignal;
  /** Ends the task with this signal's reason, an error. A running child gets SIGKILL. */
  readonly terminate?: AbortSignal;
  /** Implements `context.submit`. Without it, the task may not submit work. */
  readonly submit?: Submit;
  /** Called before the result if the result is work that replaces the task. Without it, the task may not be replaced. */
  onReplaced?(): void;
  /** Receives values of `context.progress`. */
  onProgress?(value: unknown): void;
  /** Receives lines of `context.log`. */
  onLog?(line: SandboxLogLine): void;
  /** Receives uncaught errors of the task, also after its end (`late`). */
  onUncaught?(error: unknown, late: boolean): void;
  /** Receives violations, whether the access was denied or the child was killed. */
  onViolation?(violation: Violation, what: string): void;
}

/** Default limit of the output in MiB: enough for any body that the API accepts, and its result. */
const DEFAULT_OUTPUT_MB = 64;

const DEFAULT_FOLDER_MB = 256;
const DEFAULT_FOLDER_FILES = 10_000;

/** Lines of log and standard error in one attempt. Each line costs the worker time. */
const LINES_MAX = 10_000;

/** Longest delay of a timer, milliseconds. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** The child process of an attempt. */
export interface ChildHandle {
  send(message: ToChild): void;
  /** Kills the process and fails the attempt with this error. */
  kill(why: Error): void;
}

/** An attempt, from its creation to {@linkcode ChildAttempt.close}. */
export class ChildAttempt {
  /** Secret id of the attempt, shared with the child. */
  readonly run = crypto.randomUUID();
  readonly task: SandboxTask;
  readonly options: SandboxRunOptions;
  readonly #child: ChildHandle;
  readonly #settled = Promise.withResolvers<string>();
  readonly #timers: ReturnType<typeof setTimeout>[] = [];
  /** Whether the child has started the task. */
  started = false;
  /** Whether the child has reported the outcome. */
  settled = false;
  readonly #over = new AbortController();
  #bytes = 0;
  #lines = 0;
  /** CPU seconds of the child at the first measurement. */
  #cpuBefore: number | undefined;

  constructor(task: SandboxTask, options: SandboxRunOptions, child: ChildHandle) {
    this.task = task;
    this.options = options;
    this.#child = child;
  }

  /** The message that starts the task in the child. */
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

  /** JSON text of the result. Rejects if the attempt fails. */
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

  /** Submits work for the handler and replies to the child. */
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

  /** Starts the time limits. Called when the child has started the task.
   *
   * @param folder working directory of the child */
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

  /** Listens to the caller's signals. */
  open(): void {
    const { signal, terminate } = this.options;
    signal?.addEventListener("abort", this.#abort);
    terminate?.addEventListener("abort", this.#end);
    if (terminate?.aborted) this.#end();
  }

  /** Stops the timers and listeners. */
  close(): void {
    this.#over.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    this.options.signal?.removeEventListener("abort", this.#abort);
    this.options.terminate?.removeEventListener("abort", this.#end);
  }

  /** Counts output of the child. */
  wrote(bytes: number, lines = 0): void {
    this.#bytes += bytes;
    this.#lines += lines;
    const mostMb = this.task.outputMb ?? DEFAULT_OUTPUT_MB;
    const much = this.#bytes > mostMb * 2 ** 20 ? `${mostMb} MiB` : `${LINES_MAX} lines`;
    if (this.#bytes > mostMb * 2 ** 20 || this.#lines > LINES_MAX) {
      this.#exceeded("output", `it wrote more than ${much}: write less, or raise sandbox.outputMb`);
    }
  }

  /** Checks the CPU time of the child, seconds since its start. The first measurement of the attempt is the baseline, because earlier CPU
   * time belongs to other attempts. */
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

  /** Ends the attempt because its child uses more memory than allowed, MiB. */
  outgrew(mostMb: number): void {
    this.#exceeded(
      "memory",
      `its child process held more than ${mostMb} MiB: give it less to do at once, or raise sandbox.residentMb`,
    );
  }

  /** Reports the violation for which the child is killed. */
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
        `Cannot continue task '${this.task.name}' because ${reason}`,
        violation,
      ),
    );
  }

  #after(seconds: number, act: () => void): void {
    this.#timers.push(setTimeout(act, Math.min(seconds * 1000, TIMER_MAX_MS)));
  }
}

/** A child may submit work only if its contract allows it, because a task's permissions do not apply to the tasks that it submits. */
function mayNotSend(name: string): InvalidInput {
  return new InvalidInput(
    `Cannot send a task from task '${name}' because it runs in a child process: set submits: true in its contract, if its code may start any task`,
  );
}
