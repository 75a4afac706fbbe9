/** The child's own watch over the handlers that run in it: what they are denied, and what they leave behind.
 *
 * Deno denies by itself; this makes each denial known, also one that a handler swallows. It is no second
 * wall: code that means harm to the next task of the same child wants `maxTasks: 1`.
 * @module
 */
import { PolicyViolation, type Violation } from "../../shared/errors.ts";
import { isError, property, textOf } from "../../shared/thrown.ts";
import { Intrinsics } from "./intrinsics.ts";
import { Timers } from "./timers.ts";

/** What Deno's messages call an access: `Requires net access to ...`. */
const REQUIRES = /Requires (\w+) access/;

/** What an `import()` of a module that the worker has not loaded says. */
const NOT_CACHED = /--cached-only is specified|npm package not found in cache|Failed loading http/;

const KINDS: ReadonlySet<string> = new Set<Violation>([
  "read",
  "write",
  "net",
  "env",
  "sys",
  "run",
  "ffi",
  "import",
]);

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
  }

  /** Ends what a task left behind.
   *
   * @returns whether the child can take another task */
  clean(): boolean {
    const left = this.#timers.clear();
    if (left > LEFT_TIMERS) this.#report("timers", `${left} timers left running`);
    const changed = this.#intrinsics?.changed();
    if (changed !== undefined) this.#report("intrinsics", `changed ${changed}`);
    return changed === undefined;
  }

  /** Every error of this class is made by Deno, and its constructor sets its name: so each denial passes here, whoever catches it. */
  #hearDenials(): void {
    const heard = (message: string) => this.#report(kindOf(message), message);
    Object.defineProperty(Deno.errors.NotCapable.prototype, "name", {
      get: () => "NotCapable",
      set(this: Error) {
        heard(this.message);
      },
      configurable: false,
    });
  }
}

/** What a handler threw, as a violation if it was denied something. */
export function violationOf(error: unknown, name: string): PolicyViolation | undefined {
  for (let cause = error, depth = 0; isError(cause) && depth < 10; depth++) {
    if (cause instanceof PolicyViolation) return cause;
    const message = textOf(property(cause, "message"));
    if (
      cause instanceof Deno.errors.NotCapable || REQUIRES.test(message) || NOT_CACHED.test(message)
    ) {
      const kind = kindOf(message);
      return new PolicyViolation(
        `Cannot go on with task '${name}' as it was denied: ${
          message.split(", run again")[0]
        }: declare it in permissions if it should be allowed`,
        kind,
        { cause: error },
      );
    }
    cause = property(cause, "cause");
  }
  return undefined;
}

function kindOf(message: string): Violation {
  if (NOT_CACHED.test(message)) return "import";
  const kind = REQUIRES.exec(message)?.[1] ?? "";
  return KINDS.has(kind) ? kind as Violation : "read";
}
