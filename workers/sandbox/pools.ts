/** The children of one worker: a pool for each set of permissions and limits, and one warden over all. */
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

/** How to make {@linkcode Pools}. */
export interface PoolsOptions
  extends Omit<ProcessPoolOptions, "permissions" | "sandbox" | "modules" | "folders"> {
  /** The app's modules. */
  readonly modules: Pick<ChildModules, "of">;
  /** Where children that need one get their folder. Default `/tmp/celeriac`. */
  readonly folder?: string;
  /** MiB on the disk that a task may write into its folder unless its contract says. */
  readonly folderMb?: number;
  /** All contracts of the app. */
  readonly contracts: Iterable<TaskContract>;
  /** Contracts whose children are warm before the first task comes; those of others are started when one does. */
  readonly warm: Iterable<TaskContract>;
}

/** The options that a worker's settings choose. */
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
  /** Places for tasks: as many as it has children. */
  readonly slots: Semaphore;
}

/** Runs tasks in children that may do exactly what their contracts declare. */
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

  /** Changes how many children each pool has, and so how many tasks run in them at once; none that runs is disturbed. */
  resize(size: number): void {
    this.#size = size;
    for (const { pool, slots } of this.#kept.values()) {
      pool.resize(size);
      slots.resize(size);
    }
  }

  /** Bytes of resident memory of all children; 0 where the platform does not tell. */
  async resident(): Promise<number> {
    await this.#processMonitor.look();
    return this.children().reduce((sum, { resident }) => sum + resident, 0);
  }

  /** The children that live. */
  children(): IteratorObject<Sandbox> {
    return this.#kept.values().flatMap(({ pool }) => pool.children.values());
  }

  /** Places for tasks of a contract. */
  slots(contract: TaskContract): Semaphore {
    return this.#of(contract).slots;
  }

  /** Resolves when every warm child has loaded the app's modules.
   *
   * @throws {ConfigurationError} when one cannot be started as its contract declares */
  async start(): Promise<void> {
    if (this.#kept.size === 0) return;
    await this.#processMonitor.start();
    await Promise.all(this.#kept.values().map(({ pool }) => pool.start()));
    await this.#processMonitor.look();
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

  /** Lets nothing start any more. */
  close(): void {
    this.#closed = true;
    for (const { slots } of this.#kept.values()) slots.close();
  }

  /** Ends all children at once. */
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

/** Limits that are kept for each attempt. */
type AttemptLimits = Pick<SandboxLimits, "cpu" | "outputMb" | "folderMb" | "folderFiles">;

/** Limits of each attempt, and those of a child. */
function split({ cpu, outputMb, folderMb, folderFiles, ...child }: SandboxLimits) {
  const limits: AttemptLimits = {
    outputMb,
    ...(cpu === undefined ? {} : { cpu }),
    ...(folderMb === undefined ? {} : { folderMb }),
    ...(folderFiles === undefined ? {} : { folderFiles }),
  };
  return { limits, child };
}
