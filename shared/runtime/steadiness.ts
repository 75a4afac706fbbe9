/** Whether a server has answered for long enough that others have reached it as well. */

/** Notes answers and failures of a server.
 *
 * @example
 * ```ts
 * import { Steadiness } from "./steadiness.ts";
 * import { assert } from "@std/assert";
 *
 * const steadiness = new Steadiness(0);
 * assert(!steadiness.isSteady);
 * await steadiness.note(Promise.resolve("an answer"));
 * assert(steadiness.isSteady);
 * ```
 */
export class Steadiness {
  readonly #steadyMs: number;
  /** Milliseconds of `performance.now()`. */
  #since: number | undefined;

  /** @param steadyMs milliseconds without a failure that it takes */
  constructor(steadyMs: number) {
    this.#steadyMs = steadyMs;
  }

  /** Whether the server has answered for so long, without a failure. */
  get isSteady(): boolean {
    return this.#since !== undefined && performance.now() - this.#since >= this.#steadyMs;
  }

  /** Notes how a question ends; resolves and rejects as it does. */
  async note<Answer>(asked: Promise<Answer>): Promise<Answer> {
    try {
      const answer = await asked;
      this.#since ??= performance.now();
      return answer;
    } catch (error) {
      this.#since = undefined;
      throw error;
    }
  }
}
