/** One warm child process, on the worker's side. */
import { getLogger } from "@logtape/logtape";
import { parseJson } from "../../shared/celery/python_json.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import { ChildAttempt, type SandboxRunOptions, type SandboxTask } from "./child_attempt.ts";
import { startChild } from "./command.ts";
import { ChildLog } from "./child_log.ts";
import { closed, lostBy, misused, NeverStarted, Recycled, unusable } from "./child_errors.ts";
import { reviveError } from "./error_record.ts";
import type { Folder } from "./folders/folders.ts";
import { encodeFrame, FrameDecoder } from "./frames.ts";
import type { FromChild, ToChild } from "./messages.ts";
import { PastAttempts } from "./past_attempts.ts";
import { hasFolder } from "./permissions.ts";
import { lowerPriority } from "./priority.ts";
import type { SandboxOptions } from "./sandbox_options.ts";
import type { ProcessUsage } from "./process_monitor.ts";

/** Milliseconds for a child to load the app's modules. */
const READY_MS = 60_000;

/** Milliseconds for a child to start a task. A child that an earlier task keeps busy never starts it. */
const START_MS = 15_000;

/** Milliseconds for a child to exit after it has closed its channel. */
const CLOSED_MS = 5000;

/** A child process that runs one task at a time. */
export class Sandbox {
  readonly pid: number;
  /** Resolves when the child can run tasks; rejects if it fails to start. */
  readonly ready: Promise<void>;
  /** Resolves when the process has exited. */
  readonly ended: Promise<void>;
  readonly #process: Deno.ChildProcess;
  readonly #options: SandboxOptions;
  readonly #folder: Folder | undefined;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #ready = Promise.withResolvers<void>();
  readonly #log: ChildLog;
  readonly #past = new PastAttempts();
  #tasks = 0;
  #usage: ProcessUsage | undefined;
  #attempt: ChildAttempt | undefined;
  #killed: Error | undefined;
  #gone = false;

  private constructor(process: Deno.ChildProcess, options: SandboxOptions, folder?: Folder) {
    this.#process = process;
    this.#options = options;
    this.#folder = folder;
    this.#log = new ChildLog(options);
    this.#writer = process.stdin.getWriter();
    this.pid = process.pid;
    this.ready = this.#ready.promise;
    this.ready.catch(() => {}); // callers that await it get the error; there may be none
    this.ended = this.#watch();
  }

  /** Starts a child.
   *
   * @throws {ConfigurationError} if this process may not run Deno, lower a priority or create a folder */
  static async start(options: SandboxOptions): Promise<Sandbox> {
    const { permissions, nice, folders } = options;
    const folder = hasFolder(permissions) ? await folders?.make() : undefined;
    try {
      const process = await startChild(options, folder?.path);
      const sandbox = new Sandbox(process, options, folder);
      if (nice > 0) lowerPriority(process.pid, nice, sandbox);
      return sandbox;
    } catch (error) {
      await folder?.remove();
      throw error;
    }
  }

  /** Whether it can run another task. */
  get usable(): boolean {
    return !this.#gone && this.#killed === undefined;
  }

  /** Whether it runs a task. */
  get busy(): boolean {
    return this.#attempt !== undefined;
  }

  /** Whether it was killed. */
  get ending(): boolean {
    return this.#killed !== undefined;
  }

  /** The running attempt. */
  get attempt(): ChildAttempt | undefined {
    return this.#attempt;
  }

  /** The error with which it was killed; `undefined` if it was not. */
  get killed(): Error | undefined {
    return this.#killed;
  }

  /** Bytes of resident memory at the last measurement; 0 if the platform does not report it. */
  get resident(): number {
    return this.#usage?.resident ?? 0;
  }

  /** Kills the process. A running attempt is rejected with the given error. */
  kill(why: Error): void {
    if (!this.usable) return;
    this.#killed = why;
    this.#attempt?.ended(why);
    try {
      this.#process.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has just exited by itself
    }
  }

  /** Takes a measurement. Ends the attempt if a limit is exceeded. */
  measured(usage: ProcessUsage): void {
    this.#usage = usage;
    const { residentMb } = this.#options;
    if (this.#attempt?.started) this.#attempt.used(usage.cpu);
    if (usage.resident > residentMb * 2 ** 20) this.#attempt?.outgrew(residentMb);
  }

  /** Runs a task. The previous task must have ended.
   *
   * @throws as `ProcessPool.run` does, and {@linkcode NeverStarted} */
  async run(task: SandboxTask, options: SandboxRunOptions): Promise<string> {
    const attempt = new ChildAttempt(task, options, {
      send: (message) => this.#send(message),
      kill: (why) => this.kill(why),
    });
    const frame = encodeFrame(attempt.order());
    this.#attempt = attempt;
    this.#log.begin();
    if (!this.usable) {
      attempt.reject(
        new NeverStarted(`Cannot start task '${task.name}' because its child process is gone`),
      );
    }
    this.#write(frame);
    attempt.open();
    const blocked = setTimeout(() => this.#blocked(attempt), this.#options.startMs ?? START_MS);
    try {
      return await attempt.outcome;
    } finally {
      clearTimeout(blocked);
      attempt.close();
      this.#attempt = undefined;
      await this.#afterwards(attempt);
    }
  }

  /** Cleans up, so that the next task finds nothing of this one. */
  async #afterwards(attempt: ChildAttempt): Promise<void> {
    this.#past.add(attempt);
    const { maxTasks, recycleMb } = this.#options;
    if (++this.#tasks >= maxTasks) this.kill(new Recycled(`It has run ${maxTasks} tasks`));
    if (this.resident > recycleMb * 2 ** 20) {
      this.kill(new Recycled(`It holds more than ${recycleMb} MiB`));
    }
    if (!this.usable) return;
    await this.#folder?.empty().catch((error) =>
      this.kill(new Recycled(`Its folder could not be emptied because ${error.message}`))
    );
  }

  #blocked({ started, task }: ChildAttempt): void {
    if (started) return;
    this.kill(
      new NeverStarted(
        `Cannot start task '${task.name}' because child process ${this.pid} does not answer: something that an earlier task left keeps it busy`,
      ),
    );
  }

  #send(message: ToChild): void {
    this.#write(encodeFrame(message));
  }

  #write(frame: Uint8Array<ArrayBuffer>): void {
    this.#writer.write(frame).catch(() => {}); // a closed pipe means that the child has exited: see `#watch`
  }

  /** Watches the process until it exits. */
  async #watch(): Promise<void> {
    const timer = setTimeout(() => {
      this.kill(
        new ConfigurationError(
          `Cannot use child process ${this.pid} because it did not load the app's modules within ${
            READY_MS / 1000
          } s: make them load faster`,
        ),
      );
    }, READY_MS);
    this.ready.catch(() => {}).finally(() => clearTimeout(timer));
    const [, , status] = await Promise.all([
      this.#listen(),
      this.#log.follow(this.#process.stderr, this),
      this.#process.status,
    ]);
    await this.#writer.close().catch(() => {});
    this.#gone = true;
    const lost = this.#killed ?? lostBy(status, this.#log, this.#attempt);
    if (!this.#killed) logger.warn("{message}", { message: lost.message, pid: this.pid });
    this.#ready.reject(lost);
    this.#attempt?.reject(lost);
    await this.#folder?.remove();
  }

  async #listen(): Promise<void> {
    const decoder = new FrameDecoder();
    for await (const chunk of this.#process.stdout) {
      if (this.#killed) continue; // drained, so that the pipe closes
      this.#attempt?.wrote(chunk.length);
      try {
        for (const message of decoder.push(chunk)) this.#receive(message as FromChild);
      } catch (cause) {
        this.kill(misused(this.pid, cause));
      }
    }
    const late = setTimeout(() => this.kill(closed(this.pid)), CLOSED_MS);
    await this.#process.status;
    clearTimeout(late);
  }

  #receive(message: FromChild): void {
    if (this.#killed) return;
    switch (message.type) {
      case "ready":
        this.#ready.resolve();
        return;
      case "unusable":
        this.kill(unusable(message.error));
        return;
      case "uncaught":
        return this.#uncaught(message.run, reviveError(message.error));
    }
    const attempt = this.#attempt;
    if (attempt?.run !== message.run) {
      // A message of an earlier attempt is ignored; an unknown id is forged.
      if (!this.#past.has(message.run)) this.kill(misused(this.pid, message.type));
      return;
    }
    switch (message.type) {
      case "started":
        attempt.begin(this.#folder?.path);
        return;
      case "progress":
        attempt.options.onProgress?.(parseJson(message.value, { typed: "keep" }));
        return;
      case "log":
        attempt.wrote(0, 1);
        attempt.options.onLog?.(message.line);
        return;
      case "submit":
        return void attempt.submit(message);
      case "violation":
        attempt.options.onViolation?.(message.violation, message.what);
        return;
      case "done":
        attempt.done(message);
        return this.#discard(attempt, message.left);
      case "failed":
        attempt.reject(reviveError(message.error));
        return this.#discard(attempt, message.left);
      default:
        throw new TypeError(`Unknown message ${JSON.stringify(message satisfies never)}`);
    }
  }

  /** Reports an uncaught error. Code that an earlier task left running does not fail the current task, but the child is replaced. */
  #uncaught(run: string | null, error: unknown): void {
    const attempt = this.#attempt;
    attempt?.wrote(0, 1);
    if (attempt?.run === run) attempt?.options.onUncaught?.(error, attempt.settled);
    else if (run === null || this.#past.has(run)) this.#past.uncaught(run, error);
    else return this.kill(misused(this.pid, "uncaught"));
    if (!attempt) this.kill(new Recycled("a task left an error uncaught in it"));
  }

  /** Replaces the child if the task left something in it. */
  #discard({ task: { id, name } }: ChildAttempt, left: string | undefined): void {
    if (left === undefined) return;
    this.kill(new Recycled(`task '${name}' left ${left} in it`));
    logger.info("Child process {pid} is replaced because task {name} [{id}] left {left} in it", {
      ...{ pid: this.pid, name, id, left },
    });
  }

  /** Replaces the child because it writes to standard error without a task. */
  chatters(): void {
    this.kill(new Recycled("something that a task left writes without end"));
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
