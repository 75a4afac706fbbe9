/** Tasks that are not wanted any more, as far as this worker has heard. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";

/** Ids remembered, as many as Celery remembers (`REVOKES_MAX`); the oldest go first. The record in the store does not forget. */
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

  /** Revokes every task that bears one of these values as a stamp of that name. */
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
