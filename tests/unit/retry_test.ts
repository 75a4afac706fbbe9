import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { NO_RETRY, retryDelay, retryPolicy } from "../../shared/retry.ts";

Deno.test("retryDelay() doubles up to the cap when there is no jitter", () => {
  const policy = retryPolicy({ maxAttempts: 10, base: 1, cap: 5, jitter: 0 });
  assertEquals([0, 1, 2, 3, 8].map((retries) => retryDelay(policy, retries, 0.9)), [1, 2, 4, 5, 5]);
  assertEquals(retryDelay(policy, 9, 0), undefined);
  assertEquals(retryDelay(NO_RETRY, 0, 0), undefined);
});

Deno.test("retryDelay() stays between nothing and the full delay whatever the policy", () => {
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
