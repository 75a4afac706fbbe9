/** When to try again: values in, values out. */

/** How often and how soon a failed task is tried again. */
export interface RetryPolicy {
  /** Attempts in all, the first included. 1 = never again. */
  readonly maxAttempts: number;
  /** Seconds before the second attempt. */
  readonly base: number;
  /** Seconds that no delay exceeds. */
  readonly cap: number;
  /** Spread of the delay: 0 = none, 1 = anywhere between nothing and the full delay. */
  readonly jitter: number;
}

/** Never again: the default, as a task is only known to be safe to repeat when its author says so. */
export const NO_RETRY: RetryPolicy = Object.freeze({
  maxAttempts: 1,
  base: 1,
  cap: 600,
  jitter: 1,
});

/** Fills what a contract leaves out. `true` and `{}` mean 3 more attempts after 1, 2 and 4 s, fully jittered, at most 600 s (Celery's `retry_backoff_max`). */
export function retryPolicy(policy?: Partial<RetryPolicy> | boolean): RetryPolicy {
  if (policy === undefined || policy === false) return NO_RETRY;
  const given = policy === true ? {} : policy;
  return Object.freeze({ maxAttempts: 4, base: 1, cap: 600, jitter: 1, ...given });
}

/** Seconds to wait before the next attempt, or `undefined` when there is none left.
 *
 * @param retries failed attempts so far, this one not counted (Celery's header `retries`)
 * @param random a number in [0, 1)
 *
 * @example
 * ```ts
 * import { retryDelay, retryPolicy } from "./retry.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const policy = retryPolicy({ maxAttempts: 3, base: 2, jitter: 0 });
 * assertEquals(retryDelay(policy, 0, 0.5), 2);
 * assertEquals(retryDelay(policy, 1, 0.5), 4);
 * assertEquals(retryDelay(policy, 2, 0.5), undefined);
 * ```
 */
export function retryDelay(
  policy: RetryPolicy,
  retries: number,
  random: number,
): number | undefined {
  if (retries + 1 >= policy.maxAttempts) return undefined;
  const full = Math.min(policy.cap, policy.base * 2 ** Math.min(retries, 64));
  return full * (1 - policy.jitter * random);
}
