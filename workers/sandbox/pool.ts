/** Warm child processes that run handlers apart from the worker. */
import { getLogger } from "@logtape/logtape";
import { checkedPermissions, type Permissions } from "../../shared/contracts/permissions.ts";
import { type SandboxLimits, sandboxLimits } from "../../shared/contracts/sandbox_policy.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { SandboxRunOptions, SandboxTask } from "./child_attempt.ts";
import type { ChildOptions } from "./command.ts";
import type { Folders } from "./folders/folders.ts";
import { type ChildEnd, endOf, NeverStarted, Stopped } from "./child_errors.ts";
import { Sandbox } from "./sandbox.ts";
import type { SandboxOptions } from "./sandbox_options.ts";

/** MiB of JavaScript heap that a child has unless told otherwise: enough for a body of 8 MiB many times over. */
const DEFAULT_HEAP_MB = 256;

/** MiB beyond its heap that a child may hold: Deno itself takes 60, buffers lie outside of the heap. */
export const BESIDES_HEAP_MB = 256;

/** Share of the memory it may hold at which a child is replaced between two tasks. */
const RECYCLE_SHARE = 0.75;

/** Tasks after which a child is replaced unless told otherwise. */
const DEFAULT_MAX_TASKS = 10_000;

/** Milliseconds before a child that never got ready is replaced: doubled with each failure in a row, up to the second. */
const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;

/** Hears of children. */
export interface ChildMonitor {
  /** One is ready, so many seconds after it was asked for. */
  spawned(seconds: number): void;
  ended(why: ChildEnd): void;
}

/** How to make a {@linkcode ProcessPool}. */
export interface ProcessPoolOptions extends Pick<ChildOptions, "modules"> {
  /** Children kept warm, each running one task at a time. */
  readonly size: number;
  /** MiB of JavaScript heap that a child may have unless `sandbox` says. Default 256. Buffers lie outside of it. */
  readonly heapMb?: number;
  /** Tasks after which a child is replaced unless `sandbox` says. Default 10,000. */
  readonly maxTasks?: number;
  /** Milliseconds in which a child must begin with a task. Default 15,000. */
  readonly startMs?: number;
  /** What a child may access. Default: nothing. */
  readonly permissions?: Permissions;
  /** What a child may use. */
  readonly sandbox?: SandboxLimits;
  /** Makes the folders of children whose permissions ask for one. */
  readonly folders?: Pick<Folders, "make">;
  readonly monitor?: ChildMonitor;
}

interface Waiter {
  readonly take: (sandbox: Sandbox) => void;
  readonly leave: (reason: unknown) => void;
}

/** Child processes kept warm, and a waiting line when all are busy. A child that dies is replaced. */
export class ProcessPool implements Service {
  #size: number;
  /** Children too many since it shrank: each goes as it becomes free. */
  #surplus = 0;
  readonly #options: SandboxOptions;
  readonly #monitor: ChildMonitor | undefined;
  readonly #stopping = new AbortController();
  readonly #sandboxes = new Set<Sandbox>();
  readonly #dismissed = new Set<Sandbox>();
  readonly #line: Waiter[] = [];
  #idle: Sandbox[] = [];
  #started: Promise<void> | undefined;
  #places: Promise<void>[] = [];

  constructor({ size, monitor, ...options }: ProcessPoolOptions) {
    this.#size = size;
    this.#monitor = monitor;
    this.#options = sandboxOptions(options);
  }

  /** The children that live. */
  get children(): ReadonlySet<Sandbox> {
    return this.#sandboxes;
  }

  /** Process ids of the children that live. */
  get pids(): number[] {
    return Array.from(this.#sandboxes, ({ pid }) => pid);
  }

  /** Resolves when every child has loaded the app's modules.
   *
   * @throws {ConfigurationError} when they cannot be loaded */
  start(): Promise<void> {
    return this.#started ??= this.#start();
  }

  /** Keeps so many children: new ones are started, those too many go once they run nothing. */
  resize(size: number): void {
    const more = size - this.#size;
    this.#size = size;
    if (!this.#started || this.#stopping.signal.aborted) return;
    this.#surplus -= more;
    for (; this.#surplus < 0; this.#surplus++) {
      const ready = Promise.withResolvers<void>();
      ready.promise.catch(() => {}); // told in the log
      this.#places.push(this.#keep(ready));
    }
    while (this.#surplus > 0 && this.#idle.length > 0) this.#dismiss(this.#idle.shift()!);
  }

  /** Runs a task in the next free child.
   *
   * @returns JSON text of what the handler returned
   * @throws the handler's own error, with its name, message and stack; {@linkcode Retry} and {@linkcode Reject} as such
   * @throws {TimeLimitExceeded} when the hard limit passed
   * @throws {PolicyViolation} when it was denied something, or used more than its share
   * @throws {WorkerLost} when the child died, or the pool is stopped
   * @throws the reason of `options.terminate`, or that of `options.signal` when it aborted before a child was free */
  async run(task: SandboxTask, options: SandboxRunOptions = {}): Promise<string> {
    for (let again = true;; again = false) {
      const sandbox = await this.#take(leaving(options));
      try {
        return await sandbox.run(task, options);
      } catch (error) {
        if (!(again && error instanceof NeverStarted)) throw error;
      } finally {
        if (sandbox.usable) this.#give(sandbox);
      }
    }
  }

  /** Ends all children at once. What runs or waits is rejected with {@linkcode WorkerLost}: drain first. */
  async stop(): Promise<void> {
    this.#stopping.abort(stopped());
    for (const { leave } of this.#line.splice(0)) leave(stopped());
    for (const sandbox of this.#sandboxes) sandbox.kill(stopped());
    await Promise.all(this.#places);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #start(): Promise<void> {
    const first = Array.from({ length: this.#size }, () => Promise.withResolvers<void>());
    this.#places = first.map((ready) => this.#keep(ready));
    try {
      await Promise.all(first.map(({ promise }) => promise));
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  /** Keeps one place taken by a living child until the pool stops. */
  async #keep(first: PromiseWithResolvers<void>): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        if (failures > 0) await pause(restMs(failures), signal);
        if (this.#surplus > 0) {
          this.#surplus--;
          break;
        }
        const began = performance.now();
        const sandbox = await Sandbox.start(this.#options);
        this.#sandboxes.add(sandbox);
        if (signal.aborted) sandbox.kill(stopped());
        try {
          await sandbox.ready;
          this.#monitor?.spawned((performance.now() - began) / 1000);
          failures = -1;
          first.resolve();
          this.#give(sandbox);
        } finally {
          await sandbox.ended;
          this.#sandboxes.delete(sandbox);
          this.#idle = this.#idle.filter((other) => other !== sandbox);
          this.#monitor?.ended(endOf(sandbox.killed));
        }
        if (this.#dismissed.delete(sandbox)) break;
      } catch (error) {
        first.reject(error);
        if (!signal.aborted) logger.error("No child process gets ready: {error}", { error });
      }
    }
    first.resolve();
  }

  #take(signal?: AbortSignal): Promise<Sandbox> {
    const { promise, resolve, reject } = Promise.withResolvers<Sandbox>();
    const over = this.#stopping.signal.aborted ? this.#stopping.signal : signal;
    const sandbox = over?.aborted ? undefined : this.#free();
    if (over?.aborted) reject(over.reason);
    else if (sandbox) resolve(sandbox);
    else {
      const onAbort = () => {
        this.#line.splice(this.#line.indexOf(waiting), 1);
        reject(signal?.reason);
      };
      const done = () => signal?.removeEventListener("abort", onAbort);
      const waiting: Waiter = {
        take: (next) => (done(), resolve(next)),
        leave: (reason) => (done(), reject(reason)),
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#line.push(waiting);
    }
    return promise;
  }

  /** The next that runs nothing; one that has just been ended is no more. */
  #free(): Sandbox | undefined {
    for (;;) {
      const sandbox = this.#idle.shift();
      if (!sandbox || sandbox.usable) return sandbox;
    }
  }

  /** Lets a child go that runs nothing, and its place with it. */
  #dismiss(sandbox: Sandbox): void {
    this.#surplus--;
    this.#dismissed.add(sandbox);
    sandbox.kill(new Stopped("Cannot run more tasks because there are fewer children now"));
  }

  #give(sandbox: Sandbox): void {
    if (this.#surplus > 0) return this.#dismiss(sandbox);
    const next = this.#line.shift();
    if (next) next.take(sandbox);
    else this.#idle.push(sandbox);
  }
}

/** What makes a task leave the line. */
function leaving({ signal, terminate }: SandboxRunOptions): AbortSignal | undefined {
  return signal && terminate ? AbortSignal.any([signal, terminate]) : signal ?? terminate;
}

function sandboxOptions(
  {
    heapMb = DEFAULT_HEAP_MB,
    maxTasks = DEFAULT_MAX_TASKS,
    permissions = checkedPermissions("any", {}, false),
    sandbox = sandboxLimits("any"),
    ...rest
  }: Omit<ProcessPoolOptions, "size" | "monitor">,
): SandboxOptions {
  const heap = sandbox.memoryMb ?? heapMb;
  const residentMb = sandbox.residentMb ?? heap + BESIDES_HEAP_MB;
  return {
    ...rest,
    permissions,
    heapMb: heap,
    residentMb,
    recycleMb: residentMb * RECYCLE_SHARE,
    maxTasks: sandbox.maxTasks ?? maxTasks,
    nice: sandbox.nice,
  };
}

function stopped(): Stopped {
  return new Stopped("Cannot run tasks in child processes because the worker is stopping");
}

function restMs(failures: number): number {
  return Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));
}

const logger = getLogger(["celeriac", "sandbox"]);
