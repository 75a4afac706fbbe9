/** Limits the requests of a caller, per API process. */

/** The state of a limit after a request, as in the headers `RateLimit` and `RateLimit-Policy`. */
export interface Quota {
  readonly allowed: boolean;
  /** Requests per window. */
  readonly limit: number;
  /** Requests left in the window. */
  readonly remaining: number;
  /** Seconds until the window ends, rounded up. */
  readonly resetSeconds: number;
}

/** Length of a window in seconds. */
export const WINDOW_SECONDS = 60;

/** Windows kept in memory before ended ones are removed. */
const SWEEP_AT = 1000;

/** Counts requests in fixed windows, which start with the first request of a caller.
 *
 * @example
 * ```ts
 * import { RateLimiter } from "./rate_limit.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const limiter = new RateLimiter({ now: () => 0 });
 * assertEquals(limiter.take("key:a", 1).allowed, true);
 * assertEquals(limiter.take("key:a", 1), { allowed: false, limit: 1, remaining: 0, resetSeconds: 60 });
 * ```
 */
export class RateLimiter {
  readonly #now: () => number;
  readonly #windows = new Map<string, { endsAt: number; taken: number }>();

  /** @param options.now milliseconds of a monotonic clock. Default `performance.now()` */
  constructor({ now = () => performance.now() }: { now?: () => number } = {}) {
    this.#now = now;
  }

  /** Counts one request.
   *
   * @param limit requests per minute */
  take(caller: string, limit: number): Quota {
    const now = this.#now();
    let window = this.#windows.get(caller);
    if (!window || window.endsAt <= now) {
      if (this.#windows.size >= SWEEP_AT) this.#sweep(now);
      window = { endsAt: now + WINDOW_SECONDS * 1000, taken: 0 };
      this.#windows.set(caller, window);
    }
    const allowed = window.taken < limit;
    if (allowed) window.taken++;
    return {
      allowed,
      limit,
      remaining: Math.max(0, limit - window.taken),
      resetSeconds: Math.ceil(Math.round(window.endsAt - now) / 1000),
    };
  }

  #sweep(now: number): void {
    for (const [caller, { endsAt }] of this.#windows) {
      if (endsAt <= now) this.#windows.delete(caller);
    }
  }
}

/** The headers of a quota (draft-ietf-httpapi-ratelimit-headers). */
export function quotaHeaders(quota: Quota): Record<string, string> {
  return {
    "ratelimit-policy": `"key";q=${quota.limit};w=${WINDOW_SECONDS}`,
    "ratelimit": `"key";r=${quota.remaining};t=${quota.resetSeconds}`,
    ...(!quota.allowed && { "retry-after": String(quota.resetSeconds) }),
  };
}
