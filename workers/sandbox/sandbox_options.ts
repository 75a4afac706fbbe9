/** What a child is, and when it is used up. */
import type { ChildOptions } from "./command.ts";
import type { Folders } from "./folders/folders.ts";

/** How to start a child. */
export interface SandboxOptions extends ChildOptions {
  /** MiB of resident memory that a task may lead it to. */
  readonly residentMb: number;
  /** MiB of resident memory after a task from which on it is replaced. */
  readonly recycleMb: number;
  /** Tasks after which it is replaced. */
  readonly maxTasks: number;
  /** Niceness. */
  readonly nice: number;
  /** Milliseconds in which it must begin with a task. Default 15,000. */
  readonly startMs?: number;
  /** Makes its own folder, if its permissions ask for one. */
  readonly folders?: Pick<Folders, "make">;
}
