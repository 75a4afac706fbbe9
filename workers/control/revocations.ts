/** Revoked tasks that this worker knows of. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";

/** Ids kept in memory, as many as Celery keeps (`REVOKES_MAX`). The oldest are removed first; the records in the store remain. */
const REVOKED_MAX = 50_000;

/** Revoked ids, and values of stamps whose tasks are revoked. */
export class Revocations {
  readonly #ids = new Set<string>();
  /** Values by the name of the stamp. */
  readonly #stamps = new Map<string, Set<unknown>>();

  /** Oldest first. */
  get ids(): string[] {
    return [...this.#ids];
  }

  add(ids: Iterable<string>): void {
    for (const id of ids) this.#ids.add(id);
    for (const oldest of this.#ids) {
      if (this.#ids.size <= REVOKED_MAX) break;
      this.#ids.delete(oldest);
    }
  }

  /** Revokes every task with one of these values in the stamp of that name. */
  addStamps(name: string, values: readonly unknown[]): void {
    const known = this.#stamps.get(name) ?? new Set();
    this.#stamps.set(name, known);
    for (const value of values) known.add(value);
  }

  has({ id, stamps }: Pick<TaskMessage, "id" | "stamps">): boolean {
    if (this.#ids.has(id)) return true;
    for (const [name, values] of this.#stamps) {
      if ([stamps[name]].flat().some((value) => values.has(value))) return true;
    }
    return false;
  }
}
