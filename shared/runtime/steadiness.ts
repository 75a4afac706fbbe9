/** Whether a server has answered long enough for other clients to have reconnected as well. */

/** Records answers and failures of a server.
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

  /** @param steadyMs milliseconds without a failure after which the server counts as steady */
  constructor(steadyMs: number) {
    this.#steadyMs = steadyMs;
  }

  /** Whether the server has answered for `steadyMs` without a failure. */
  get isSteady(): boolean {
    return this.#since !== undefined && performance.now() - this.#since >= this.#steadyMs;
  }

  /** Records the outcome of a request; resolves and rejects as it does. */
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
