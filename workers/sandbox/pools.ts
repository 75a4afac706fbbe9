/** The child processes of one worker: a pool for each set of permissions and limits, and one process monitor. */
import type { Config } from "../../shared/config/settings.ts";
import type { SandboxLimits } from "../../shared/contracts/sandbox_policy.ts";
import type { Service } from "../../shared/runtime/service.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { Semaphore } from "../running/semaphore.ts";
import type { SandboxRunOptions, SandboxTask } from "./child_attempt.ts";
import type { ChildModules, LoadedModules } from "./child_modules.ts";
import { Folders } from "./folders/folders.ts";
import { ProcessPool, type ProcessPoolOptions } from "./pool.ts";
import type { Sandbox } from "./sandbox.ts";
import { ProcessMonitor } from "./process_monitor.ts";

/** Options of {@linkcode Pools}. */
export interface PoolsOptions
  extends Omit<ProcessPoolOptions, "permissions" | "sandbox" | "modules" | "folders"> {
  /** The app's modules. */
  readonly modules: Pick<ChildModules, "of">;
  /** Parent of the folders of children. Default `/tmp/celeriac`. */
  readonly folder?: string;
  /** Disk space of a task's folder in MiB, unless its contract sets it. */
  readonly folderMb?: number;
  /** All contracts of the app. */
  readonly contracts: Iterable<TaskContract>;
  /** Contracts whose children are started before the first task. Other children are started on demand. */
  readonly warm: Iterable<TaskContract>;
}

/** Options from the worker's settings. */
export function poolSettings(
  { processes, heapMb, childTasks, sandboxFolder, folderMb }: Pick<
    Config,
    "processes" | "heapMb" | "childTasks" | "sandboxFolder" | "folderMb"
  >,
) {
  return { size: processes, heapMb, maxTasks: childTasks, folder: sandboxFolder, folderMb };
}

interface Kept {
  readonly pool: ProcessPool;
  /** One slot for each child. */
  readonly slots: Semaphore;
}

/** Runs tasks in child processes with exactly the permissions that their contracts declare. */
export class Pools implements Service {
  readonly #options: Omit<PoolsOptions, "warm">;
  readonly #folders: Folders;
  readonly #kept = new Map<string, Kept>();
  #size: number;
  readonly #processMonitor = new ProcessMonitor({ children: () => this.children() });
  #closed = false;

  constructor({ warm, ...options }: PoolsOptions) {
    this.#options = options;
    this.#folders = new Folders(options.folder ?? "/tmp/celeriac");
    this.#size = options.size;
    for (const contract of warm) if (contract.run === "process") this.#of(contract);
  }

  /** Children of each pool. */
  get size(): number {
    return this.#size;
  }

  /** Changes the number of children of each pool. Running tasks are not affected. */
  resize(size: number): void {
    this.#size = size;
    for (const { pool, slots } of this.#kept.values()) {
      pool.resize(size);
      slots.resize(size);
    }
  }

  /** Bytes of resident memory of all children; 0 if the platform does not report it. */
  async resident(): Promise<number> {
    await this.#processMonitor.measure();
    return this.children().reduce((sum, { resident }) => sum + resident, 0);
  }

  /** The running children. */
  children(): IteratorObject<Sandbox> {
    return this.#kept.values().flatMap(({ pool }) => pool.children.values());
  }

  /** Slots for tasks of a contract. */
  slots(contract: TaskContract): Semaphore {
    return this.#of(contract).slots;
  }

  /** Resolves when every warm child has loaded the app's modules.
   *
   * @throws {ConfigurationError} if a child cannot be started as its contract declares */
  async start(): Promise<void> {
    if (this.#kept.size === 0) return;
    await this.#processMonitor.start();
    await Promise.all(this.#kept.values().map(({ pool }) => pool.start()));
    await this.#processMonitor.measure();
  }

  /** Runs a task as `ProcessPool.run` does. */
  async run(
    contract: TaskContract,
    task: Omit<SandboxTask, keyof AttemptLimits>,
    options: SandboxRunOptions = {},
  ): Promise<string> {
    const { pool } = this.#of(contract);
    await Promise.all([this.#processMonitor.start(), pool.start()]);
    const { folderMb } = this.#options;
    const { limits } = split(contract.sandbox);
    return await pool.run(
      { ...task, ...(folderMb === undefined ? {} : { folderMb }), ...limits },
      options,
    );
  }

  /** Stops admitting tasks. */
  close(): void {
    this.#closed = true;
    for (const { slots } of this.#kept.values()) slots.close();
  }

  /** Kills all children. */
  async stop(): Promise<void> {
    this.close();
    await Promise.all(this.#kept.values().map(({ pool }) => pool.stop()));
    await this.#processMonitor.stop();
    await this.#folders.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #modulesOf(key: string): Promise<LoadedModules> {
    const { contracts, modules } = this.#options;
    const together = Array.from(contracts).filter((contract) =>
      contract.run === "process" && keyOf(contract) === key
    );
    return modules.of(together);
  }

  #of(contract: TaskContract): Kept {
    const { permissions, sandbox } = contract;
    const key = keyOf(contract);
    let kept = this.#kept.get(key);
    if (!kept) {
      const size = this.#size;
      const modules = () => this.#modulesOf(key);
      const folders = this.#folders;
      const pool = new ProcessPool({
        ...this.#options,
        modules,
        size,
        permissions,
        sandbox,
        folders,
      });
      kept = { pool, slots: new Semaphore(size) };
      if (this.#closed) kept.slots.close();
      this.#kept.set(key, kept);
    }
    return kept;
  }
}

/** Tasks of one key share children. */
function keyOf({ permissions, sandbox }: TaskContract): string {
  return JSON.stringify([permissions, Object.entries(split(sandbox).child).sort()]);
}

/** Limits of each attempt. */
type AttemptLimits = Pick<SandboxLimits, "cpu" | "outputMb" | "folderMb" | "folderFiles">;

/** Splits limits into those of an attempt and those of a child. */
function split({ cpu, outputMb, folderMb, folderFiles, ...child }: SandboxLimits) {
  const limits: AttemptLimits = {
    outputMb,
    ...(cpu === undefined ? {} : { cpu }),
    ...(folderMb === undefined ? {} : { folderMb }),
    ...(folderFiles === undefined ? {} : { folderFiles }),
  };
  return { limits, child };
}
