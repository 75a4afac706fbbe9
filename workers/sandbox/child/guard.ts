/** The child's own watch over the handlers that run in it: what they are denied, and what they leave behind.
 *
 * Deno denies by itself; this reports each denial, also one that a handler swallows. It is no second wall: code that
 * means harm to the next task of the same child can hide from it. Such code belongs into tasks with `untrusted: true`.
 * @module
 */
import type { Violation } from "../../../shared/errors.ts";
import { deniedKind } from "../../running/permission_denial.ts";
import { Intrinsics } from "./intrinsics.ts";
import { Leftovers } from "./leftovers.ts";
import { Timers } from "./timers.ts";

/** Timers that a task may forget without being told of: they are ended all the same. */
const LEFT_TIMERS = 100;

/** Storage that outlives a task, or that Deno grants without asking. */
const STORES = ["localStorage", "sessionStorage", "caches", "indexedDB", "BroadcastChannel"];

/** Tells of a violation: its kind, and what was tried. */
export type Report = (violation: Violation, what: string) => void;

/** Watches one child. */
export class Guard {
  readonly #report: Report;
  readonly #timers = new Timers();
  readonly #leftovers = new Leftovers();
  #intrinsics: Intrinsics | undefined;

  /** Takes effect at once: make it before any code of the app runs. */
  constructor(report: Report) {
    this.#report = report;
    for (const name of STORES) Reflect.deleteProperty(globalThis, name);
    this.#hearDenials();
  }

  /** The app is loaded: what is there now is as it should be. */
  ready(): void {
    this.#intrinsics = new Intrinsics();
    this.#leftovers.ready();
  }

  /** Ends the timers that a task left behind.
   *
   * @returns what else it left, for which the child must not take another task; `undefined` when there is nothing */
  left(): string | undefined {
    // First: what follows relies on them.
    const changed = this.#intrinsics?.changed();
    if (changed !== undefined) {
      this.#report("intrinsics", `changed ${changed}`);
      return `a changed ${changed}`;
    }
    const timers = this.#timers.clear();
    if (timers > LEFT_TIMERS) this.#report("timers", `${timers} timers left running`);
    return this.#leftovers.found();
  }

  /** Every error of this class is made by Deno, and its constructor sets its name: so each denial passes here, whoever catches it. */
  #hearDenials(): void {
    const heard = (message: string) => this.#report(deniedKind(message), message);
    Object.defineProperty(Deno.errors.NotCapable.prototype, "name", {
      get: () => "NotCapable",
      set(this: Error) {
        heard(this.message);
      },
      configurable: false,
    });
  }
}
