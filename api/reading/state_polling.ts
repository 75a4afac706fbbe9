/** Polls the states of all tasks that callers wait for, many per statement. */
import type { State } from "../../shared/results/result.ts";
import type { ResultStore } from "../../shared/results/store.ts";

/** Milliseconds between two polls, because events are best effort. */
const EVERY_MS = 1000;

/** Maximum ids per statement. */
const CHUNK = 1000;

/** Receives the state of one task after each poll (`undefined` without a record), or the error of the poll. Must not throw. */
export type StateListener = (state: State | undefined, error?: Error) => void;

/** Polls only while a caller follows a task. The number of statements depends on the tasks, not on the callers. */
export class StatePolling {
  readonly #store: Pick<ResultStore, "states">;
  readonly #everyMs: number;
  readonly #listeners = new Map<string, Set<StateListener>>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #reading = false;

  /** @param options.everyMs milliseconds between two polls. Default 1 s */
  constructor(options: { store: Pick<ResultStore, "states">; everyMs?: number }) {
    this.#store = options.store;
    this.#everyMs = options.everyMs ?? EVERY_MS;
  }

  /** Reports the task's state after each poll until disposed. */
  follow(id: string, listener: StateListener): Disposable {
    const listeners = this.#listeners.get(id) ?? new Set();
    this.#listeners.set(id, listeners.add(listener));
    this.#schedule();
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0 && this.#listeners.get(id) === listeners) {
          this.#listeners.delete(id);
        }
        if (this.#listeners.size > 0) return;
        clearTimeout(this.#timer);
        this.#timer = undefined;
      },
    };
  }

  #schedule(): void {
    if (this.#reading || this.#timer !== undefined || this.#listeners.size === 0) return;
    this.#timer = setTimeout(() => this.#readAll(), this.#everyMs);
  }

  async #readAll(): Promise<void> {
    this.#timer = undefined;
    this.#reading = true;
    const ids = [...this.#listeners.keys()];
    for (let start = 0; start < ids.length; start += CHUNK) {
      await this.#readSome(ids.slice(start, start + CHUNK));
    }
    this.#reading = false;
    this.#schedule();
  }

  async #readSome(ids: readonly string[]): Promise<void> {
    const followed = ids.filter((id) => this.#listeners.has(id));
    if (followed.length === 0) return;
    try {
      const states = await this.#store.states(followed);
      for (const id of followed) this.#report(id, states.get(id));
    } catch (error) {
      for (const id of followed) this.#report(id, undefined, error as Error);
    }
  }

  #report(id: string, state: State | undefined, error?: Error): void {
    for (const listener of this.#listeners.get(id) ?? []) listener(state, error);
  }
}
