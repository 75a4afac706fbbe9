/** Pauses of queues and tasks: a paused queue is not consumed, a paused task does not start. */

/** What can be paused. */
export const PAUSE_SCOPES = ["queue", "task"] as const;

/** What is paused. */
export type PauseScope = (typeof PAUSE_SCOPES)[number];

/** Identifies a pause. */
export interface PauseKey {
  readonly scope: PauseScope;
  /** Name of the queue or task. */
  readonly name: string;
}

/** A pause that is in force. */
export interface Pause extends PauseKey {
  /** Why, for people; `null` if no reason was given. */
  readonly reason: string | null;
  readonly pausedAt: Date;
}

/** Pauses that are in force at one moment.
 *
 * @example
 * ```ts
 * import { PauseSet } from "./pause.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const pauses = new PauseSet([{ scope: "task", name: "mail", reason: null, pausedAt: new Date(0) }]);
 * assertEquals(pauses.of("celeriac.default", "mail")?.scope, "task");
 * assertEquals(pauses.of("celeriac.default", "add"), undefined);
 * ```
 */
export class PauseSet {
  /** Names of the paused queues. */
  readonly queues: ReadonlySet<string>;
  readonly #tasks: ReadonlySet<string>;

  constructor(readonly all: readonly Pause[]) {
    const names = (scope: PauseScope) =>
      new Set(all.filter((one) => one.scope === scope).map(({ name }) => name));
    this.queues = names("queue");
    this.#tasks = names("task");
  }

  /** The pause that keeps a task of a queue from starting; that of the queue first. */
  of(queue: string, task: string): PauseKey | undefined {
    if (this.all.length === 0) return undefined;
    if (this.queues.has(queue)) return { scope: "queue", name: queue };
    return this.#tasks.has(task) ? { scope: "task", name: task } : undefined;
  }
}
