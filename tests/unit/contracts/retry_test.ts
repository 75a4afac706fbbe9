import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ConfigurationError } from "../../../shared/errors.ts";
import {
  isWorthRetrying,
  NO_RETRY,
  retryDelay,
  retryPolicy,
} from "../../../shared/contracts/retry.ts";

Deno.test("retryDelay() doubles up to the cap when there is no jitter", () => {
  const policy = retryPolicy({ maxAttempts: 10, base: 1, cap: 5, jitter: 0 });
  assertEquals([0, 1, 2, 3, 8].map((retries) => retryDelay(policy, retries, 0.9)), [1, 2, 4, 5, 5]);
  assertEquals(retryDelay(policy, 9, 0), undefined);
  assertEquals(retryDelay(NO_RETRY, 0, 0), undefined);
});

Deno.test("retryDelay() stays between zero and the full delay for every policy", () => {
  fc.assert(fc.property(
    fc.double({ min: 0.01, max: 100, noNaN: true }),
    fc.double({ min: 0.01, max: 1000, noNaN: true }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(5000),
    fc.double({ min: 0, max: 0.999999, noNaN: true }),
    (base, cap, jitter, retries, random) => {
      const delay = retryDelay({ maxAttempts: 10_000, base, cap, jitter }, retries, random)!;
      return delay >= 0 && delay <= cap;
    },
  ));
});

class Refused extends TypeError {}

Deno.test("isWorthRetrying() recognizes errors by class, base class and name", () => {
  const named = Object.assign(new Error("busy"), { name: "Busy" });
  const cases: [Parameters<typeof retryPolicy>[0], unknown, boolean][] = [
    [true, "no error at all", true],
    [{ only: [TypeError] }, new Refused(), true],
    [{ only: ["Refused"] }, new TypeError(), false],
    [{ only: ["Busy"] }, named, true],
    [{ only: ["Busy"] }, "Busy", false],
    [{ never: [TypeError] }, new Refused(), false],
    [{ never: [Refused] }, new TypeError(), true],
    [{ only: [Error], never: ["Busy"] }, named, false],
  ];
  for (const [policy, error, expected] of cases) {
    assertEquals(isWorthRetrying(retryPolicy(policy), error), expected, JSON.stringify(policy));
  }
});

Deno.test("retryPolicy() refuses numbers that it could not work with", () => {
  for (
    const policy of [{ maxAttempts: 0 }, { maxAttempts: 1.5 }, { base: -1 }, { cap: NaN }, {
      jitter: 2,
    }]
  ) {
    assertThrows(() => retryPolicy(policy), ConfigurationError, Object.keys(policy)[0]);
  }
});
