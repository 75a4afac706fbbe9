/** Attempts of one child that are over: a message that comes late of one is known for what it is. */
import { getLogger } from "@logtape/logtape";
import { traceback } from "../../shared/celery/exception.ts";
import type { ChildAttempt } from "./child_attempt.ts";

/** Attempts that are remembered. */
const MAX = 16;

/** The last attempts of a child. */
export class PastAttempts {
  readonly #runs = new Map<string, ((error: unknown, late: boolean) => void) | undefined>();

  add({ run, options }: Pick<ChildAttempt, "run" | "options">): void {
    this.#runs.set(run, options.onUncaught?.bind(options));
    const [oldest] = this.#runs.keys();
    if (oldest !== undefined && this.#runs.size > MAX) this.#runs.delete(oldest);
  }

  /** Whether an attempt had this name. */
  has(run: string): boolean {
    return this.#runs.has(run);
  }

  /** An attempt that is over left an error uncaught, or (`null`) the app's own code did. */
  uncaught(run: string | null, error: unknown): void {
    if (run !== null) return this.#runs.get(run)?.(error, true);
    const trace = traceback(error);
    logger.error("The app left an error uncaught, outside of any task: {trace}", { trace });
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
