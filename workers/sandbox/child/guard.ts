/** Monitors the handlers in a child: denied accesses, and state that they leave behind.
 *
 * Deno enforces the permissions; this module reports each denial, even one that a handler swallows. It is not a security boundary: malicious
 * code can hide from it and harm the next task of the same child. Run such code in tasks with `untrusted: true`.
 * @module
 */
import type { Violation } from "../../../shared/errors.ts";
import { deniedKind } from "../../running/permission_denial.ts";
import { Intrinsics } from "./intrinsics.ts";
import { Leftovers } from "./leftovers.ts";
import { Timers } from "./timers.ts";

/** Timers that a task may leave without a report. They are cleared in any case. */
const LEFT_TIMERS = 100;

/** Storage that outlives a task, or that Deno grants without permission. */
const STORES = ["localStorage", "sessionStorage", "caches", "indexedDB", "BroadcastChannel"];

/** Reports a violation: its kind, and the attempted access. */
export type Report = (violation: Violation, what: string) => void;

/** Monitors one child. */
export class Guard {
  readonly #report: Report;
  readonly #timers = new Timers();
  readonly #leftovers = new Leftovers();
  #intrinsics: Intrinsics | undefined;

  /** Takes effect at once. Create it before any code of the app runs. */
  constructor(report: Report) {
    this.#report = report;
    for (const name of STORES) Reflect.deleteProperty(globalThis, name);
    this.#reportDenials();
  }

  /** Takes the current state as the reference. Call it when the app is loaded. */
  ready(): void {
    this.#intrinsics = new Intrinsics();
    this.#leftovers.ready();
  }

  /** Clears the timers that a task left behind.
   *
   * @returns anything else that it left, so that the child must be replaced; `undefined` if there is nothing */
  left(): string | undefined {
    // First, because the other checks use them.
    const changed = this.#intrinsics?.changed();
    if (changed !== undefined) {
      this.#report("intrinsics", `changed ${changed}`);
      return `a changed ${changed}`;
    }
    const timers = this.#timers.clear();
    if (timers > LEFT_TIMERS) this.#report("timers", `${timers} timers left running`);
    return this.#leftovers.found();
  }

  /** Intercepts the `name` setter of `NotCapable`. Deno's constructor sets the name, so every denial is reported, even if it is caught. */
  #reportDenials(): void {
    const report = (message: string) => this.#report(deniedKind(message), message);
    Object.defineProperty(Deno.errors.NotCapable.prototype, "name", {
      get: () => "NotCapable",
      set(this: Error) {
        report(this.message);
      },
      configurable: false,
    });
  }
}
