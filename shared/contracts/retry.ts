/** Retry policies. Pure. */
import { ConfigurationError } from "../errors.ts";
import { isError, nameOf, property, textOf } from "../runtime/thrown.ts";

/** How often and when a failed task is retried. */
export interface RetryPolicy {
  /** Maximum number of attempts, including the first. 1 = no retry. */
  readonly maxAttempts: number;
  /** Seconds before the second attempt. */
  readonly base: number;
  /** Maximum delay in seconds. */
  readonly cap: number;
  /** Random part of the delay: 0 = none, 1 = anything between zero and the full delay. */
  readonly jitter: number;
  /** Names of errors that are retried; others are not. Absent = all errors. */
  readonly only?: readonly string[];
  /** Names of errors that are not retried; takes precedence over `only`. */
  readonly never?: readonly string[];
}

/** An error class or its name. Includes subclasses. */
export type ErrorKind = string | (abstract new (...args: never[]) => Error);

/** A policy as an author writes it; defaults as in {@linkcode retryPolicy}. */
export interface RetryOptions extends Partial<Omit<RetryPolicy, "only" | "never">> {
  /** Errors that are retried; others are not. */
  readonly only?: readonly ErrorKind[];
  /** Errors that are not retried; takes precedence over `only`. */
  readonly never?: readonly ErrorKind[];
}

/** No retry: the default, because only the author knows whether a task is safe to repeat. */
export const NO_RETRY: RetryPolicy = Object.freeze({
  maxAttempts: 1,
  base: 1,
  cap: 600,
  jitter: 1,
});

/** Completes a policy with defaults. `true` and `{}` mean 3 more attempts after 1, 2 and 4 s, fully jittered, at most 600 s (Celery's `retry_backoff_max`).
 *
 * @throws {ConfigurationError} when a number is out of range */
export function retryPolicy(policy?: RetryOptions | boolean): RetryPolicy {
  if (policy === undefined || policy === false) return NO_RETRY;
  const { only, never, ...given } = policy === true ? {} : policy;
  const numbers = { maxAttempts: 4, base: 1, cap: 600, jitter: 1, ...given };
  check(numbers);
  return Object.freeze({
    ...numbers,
    ...(only ? { only: only.map(kindName) } : {}),
    ...(never ? { never: never.map(kindName) } : {}),
  });
}

/** Whether the policy retries this kind of error.
 *
 * For an error from a child process only its class is known, not its superclasses.
 *
 * @example
 * ```ts
 * import { isWorthRetrying, retryPolicy } from "./retry.ts";
 * import { assert } from "@std/assert";
 *
 * class Refused extends TypeError {}
 * const policy = retryPolicy({ only: [TypeError, "Timeout"], never: [Refused] });
 * assert(isWorthRetrying(policy, new TypeError()));
 * assert(!isWorthRetrying(policy, new Refused()));
 * assert(!isWorthRetrying(policy, new RangeError()));
 * ```
 */
export function isWorthRetrying({ only, never }: RetryPolicy, error: unknown): boolean {
  if (!only && !never) return true;
  const kinds = kindsOf(error);
  if (never?.some((name) => kinds.has(name))) return false;
  return only?.some((name) => kinds.has(name)) ?? true;
}

/** Seconds to wait before the next attempt, or `undefined` when no attempt is left.
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

/** The `name` of an error and the names of its class and superclasses. */
function kindsOf(error: unknown): Set<string> {
  if (!isError(error)) return new Set();
  const kinds = new Set([nameOf(error), textOf(property(error, "name"))]);
  for (let kind = Object.getPrototypeOf(error); kind; kind = Object.getPrototypeOf(kind)) {
    kinds.add(String(kind.constructor?.name));
  }
  return kinds;
}

function kindName(kind: ErrorKind): string {
  return typeof kind === "string" ? kind : kind.name;
}

function check(policy: Pick<RetryPolicy, "maxAttempts" | "base" | "cap" | "jitter">): void {
  const { maxAttempts, base, cap, jitter } = policy;
  const whole = Number.isInteger(maxAttempts) || maxAttempts === Infinity;
  const rules: [name: string, value: number, fits: boolean, rule: string][] = [
    ["maxAttempts", maxAttempts, whole && maxAttempts >= 1, "a whole number from 1"],
    ["base", base, Number.isFinite(base) && base >= 0, "seconds from 0"],
    ["cap", cap, Number.isFinite(cap) && cap >= 0, "seconds from 0"],
    ["jitter", jitter, jitter >= 0 && jitter <= 1, "a number from 0 to 1"],
  ];
  for (const [name, value, fits, rule] of rules) {
    if (fits) continue;
    throw new ConfigurationError(
      `Cannot retry by this policy because its ${name} ${value} is not ${rule}: correct it`,
    );
  }
}
