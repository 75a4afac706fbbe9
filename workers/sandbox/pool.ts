/** A pool of warm child processes that run handlers. */
import { getLogger } from "@logtape/logtape";
import { checkedPermissions, type Permissions } from "../../shared/contracts/permissions.ts";
import { type SandboxLimits, sandboxLimits } from "../../shared/contracts/sandbox_policy.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { backoffMs } from "../../shared/runtime/backoff.ts";
import { pause } from "../../shared/runtime/waits.ts";
import type { SandboxRunOptions, SandboxTask } from "./child_attempt.ts";
import type { ChildOptions } from "./command.ts";
import type { Folders } from "./folders/folders.ts";
import { type ChildEnd, endOf, NeverStarted, Stopped } from "./child_errors.ts";
import { Sandbox } from "./sandbox.ts";
import type { SandboxOptions } from "./sandbox_options.ts";

/** Default JavaScript heap of a child in MiB: many times the largest body of 8 MiB. */
const DEFAULT_HEAP_MB = 256;

/** MiB of memory outside the heap: Deno itself needs 60; buffers are outside the heap. */
export const BESIDES_HEAP_MB = 256;

/** Share of the memory limit at which a child is replaced between two tasks. */
const RECYCLE_SHARE = 0.75;

/** Default number of tasks after which a child is replaced. */
const DEFAULT_MAX_TASKS = 10_000;

/** Pause before a child that did not become ready is replaced. */
const BACKOFF = { firstMs: 100, maxMs: 10_000 };

/** Receives starts and ends of children, for metrics. */
export interface ChildMonitor {
  /** Called when a child is ready, with the seconds since its start. */
  spawned(seconds: number): void;
  ended(why: ChildEnd): void;
}

/** Options of a {@linkcode ProcessPool}. */
export interface ProcessPoolOptions extends Pick<ChildOptions, "modules"> {
  /** Number of warm children. Each runs one task at a time. */
  readonly size: number;
  /** JavaScript heap of a child in MiB, unless `sandbox` sets it. Default 256. Buffers are outside the heap. */
  readonly heapMb?: number;
  /** Tasks after which a child is replaced, unless `sandbox` sets it. Default 10,000. */
  readonly maxTasks?: number;
  /** Milliseconds in which a child must start a task. Default 15,000. */
  readonly startMs?: number;
  /** Permissions of a child. Default: none. */
  readonly permissions?: Permissions;
  /** Resource limits of a child. */
  readonly sandbox?: SandboxLimits;
  /** Creates folders for children whose permissions require one. */
  readonly folders?: Pick<Folders, "make">;
  readonly monitor?: ChildMonitor;
}

interface Waiter {
  readonly take: (sandbox: Sandbox) => void;
  readonly leave: (reason: unknown) => void;
}

/** Warm child processes, and a queue of tasks for when all are busy. A child that dies is replaced. */
export class ProcessPool implements Service {
  #size: number;
  /** Surplus children after the size was reduced. Each is ended when it becomes idle. */
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

  /** The running children. */
  get children(): ReadonlySet<Sandbox> {
    return this.#sandboxes;
  }

  /** Process ids of the running children. */
  get pids(): number[] {
    return Array.from(this.#sandboxes, ({ pid }) => pid);
  }

  /** Resolves when every child has loaded the app's modules.
   *
   * @throws {ConfigurationError} if they cannot be loaded */
  start(): Promise<void> {
    return this.#started ??= this.#start();
  }

  /** Changes the number of children. Surplus children end once they are idle. */
  resize(size: number): void {
    const more = size - this.#size;
    this.#size = size;
    if (!this.#started || this.#stopping.signal.aborted) return;
    this.#surplus -= more;
    for (; this.#surplus < 0; this.#surplus++) {
      const ready = Promise.withResolvers<void>();
      ready.promise.catch(() => {}); // logged by #keep
      this.#places.push(this.#keep(ready));
    }
    while (this.#surplus > 0 && this.#idle.length > 0) this.#dismiss(this.#idle.shift()!);
  }

  /** Runs a task in the next idle child.
   *
   * @returns JSON text of the handler's return value
   * @throws the handler's error, with its name, message and stack; {@linkcode Retry} and {@linkcode Reject} with their class
   * @throws {TimeLimitExceeded} after the hard time limit
   * @throws {PolicyViolation} if an access was denied or a resource limit exceeded
   * @throws {WorkerLost} if the child died, or the pool is stopped
   * @throws the reason of `options.terminate`, or of `options.signal` if it aborted before a child was idle */
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

  /** Kills all children. Running and waiting tasks are rejected with {@linkcode WorkerLost}, so drain first. */
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

  /** Keeps one child running until the pool stops. */
  async #keep(first: PromiseWithResolvers<void>): Promise<void> {
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures++) {
      try {
        if (failures > 0) await pause(backoffMs(failures, BACKOFF), signal);
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
        if (!signal.aborted) {
          logger.error("A child process did not become ready: {error}", { error });
        }
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

  /** The next idle child that is still usable. */
  #free(): Sandbox | undefined {
    for (;;) {
      const sandbox = this.#idle.shift();
      if (!sandbox || sandbox.usable) return sandbox;
    }
  }

  /** Ends an idle surplus child. */
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

/** The signal that ends a task's wait. */
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

const logger = getLogger(["celeriac", "sandbox"]);
