/** Number of tasks that this worker has started, by name. */
import type { TaskEvent } from "../../shared/telemetry/events.ts";

/** Counts starts of tasks. */
export class TaskCounts {
  readonly #started = new Map<string, number>();
  #all = 0;

  /** Listener of {@linkcode Events}. */
  readonly observe = (event: TaskEvent): void => {
    if (event.type !== "task-started") return;
    this.#all++;
    this.#started.set(event.name, (this.#started.get(event.name) ?? 0) + 1);
  };

  get all(): number {
    return this.#all;
  }

  get byName(): Record<string, number> {
    return Object.fromEntries(this.#started);
  }
}
