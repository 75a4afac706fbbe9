/** Ended attempts of one child. They identify late messages. */
import { getLogger } from "@logtape/logtape";
import { traceback } from "../../shared/celery/exception.ts";
import type { ChildAttempt } from "./child_attempt.ts";

/** Number of attempts that are kept. */
const MAX = 16;

/** The last attempts of a child. */
export class PastAttempts {
  readonly #runs = new Map<string, ((error: unknown, late: boolean) => void) | undefined>();

  add({ run, options }: Pick<ChildAttempt, "run" | "options">): void {
    this.#runs.set(run, options.onUncaught?.bind(options));
    const [oldest] = this.#runs.keys();
    if (oldest !== undefined && this.#runs.size > MAX) this.#runs.delete(oldest);
  }

  /** Whether an ended attempt had this id. */
  has(run: string): boolean {
    return this.#runs.has(run);
  }

  /** Reports an uncaught error of an ended attempt, or (`null`) of the app's own code. */
  uncaught(run: string | null, error: unknown): void {
    if (run !== null) return this.#runs.get(run)?.(error, true);
    const trace = traceback(error);
    logger.error("The app left an error uncaught, outside of any task: {trace}", { trace });
  }
}

const logger = getLogger(["celeriac", "sandbox"]);
