/** Options of a child process, and when it is replaced. */
import type { ChildOptions } from "./command.ts";
import type { Folders } from "./folders/folders.ts";

/** Options of a child process. */
export interface SandboxOptions extends ChildOptions {
  /** Limit of resident memory in MiB while a task runs. */
  readonly residentMb: number;
  /** Resident memory in MiB above which it is replaced after a task. */
  readonly recycleMb: number;
  /** Tasks after which it is replaced. */
  readonly maxTasks: number;
  /** Niceness. */
  readonly nice: number;
  /** Milliseconds in which it must start a task. Default 15,000. */
  readonly startMs?: number;
  /** Creates its folder if its permissions require one. */
  readonly folders?: Pick<Folders, "make">;
}
