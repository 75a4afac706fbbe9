import { assert, assertEquals } from "@std/assert";
import { encodeException } from "../../../../shared/celery/exception.ts";
import {
  ConfigurationError,
  InvalidInput,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
} from "../../../../shared/errors.ts";
import { z } from "../../../../shared/mod.ts";
import { recordError, reviveError } from "../../../../workers/sandbox/error_record.ts";

class OutOfStock extends RangeError {}

/** What comes of an error on its way over the channel. */
function crossed(error: unknown): unknown {
  return reviveError(JSON.parse(JSON.stringify(recordError(error))));
}

Deno.test("reviveError() creates an error with the same name, message and stack", () => {
  for (const error of [new OutOfStock("none left"), new TypeError("no"), new Error("plain")]) {
    const found = crossed(error) as Error;
    assertEquals(found.name, error.constructor.name);
    assertEquals(found.constructor.name, error.constructor.name);
    assertEquals([found.message, found.stack], [error.message, error.stack]);
  }
});

Deno.test("reviveError() keeps the Python class of an error", () => {
  const error = Object.assign(new OutOfStock("none"), { pythonClass: "shop.errors.OutOfStock" });
  assertEquals(encodeException(crossed(error)), {
    exc_type: "OutOfStock",
    exc_message: ["none"],
    exc_module: "shop.errors",
  });
});

Deno.test("reviveError() keeps the class and the fields of our own errors", () => {
  const errors = [
    new Retry("later", { countdown: 3 }),
    new Retry(),
    new Reject("no"),
    new InvalidInput("wrong", "kwargs.x"),
    new ConfigurationError("missing"),
    new SoftTimeLimitExceeded(2.5),
    new TimeLimitExceeded(9),
  ];
  for (const error of errors) {
    const found = crossed(error);
    assert(found instanceof error.constructor, error.name);
    assertEquals({ ...(found as Error) }, { ...error });
    assertEquals((found as Error).message, error.message);
  }
});

Deno.test("reviveError() does not revive a class that only has the same name", () => {
  const found = crossed(new (class Retry extends Error {})("mine"));
  assert(!(found instanceof Retry));
  assertEquals((found as Error).name, "Retry");
});

Deno.test("reviveError() keeps causes, and stops at circular ones", () => {
  const inner = new TypeError("inner");
  const outer = crossed(new Error("outer", { cause: inner }));
  assertEquals(String((outer as Error).cause), "TypeError: inner");
  inner.cause = inner;
  assert(crossed(inner) instanceof Error);
});

Deno.test("reviveError() returns a thrown value that is not an error", () => {
  for (const thrown of ["text", 7, null, false]) assertEquals(crossed(thrown), thrown);
  assertEquals(crossed({ code: 1 }), "{'code': 1}");
  assertEquals(crossed(undefined), "undefined");
});

Deno.test("reviveError() keeps the encoding of an error for Celery", () => {
  const invalid = z.object({ x: z.number() }).safeParse({ x: "a" }).error;
  for (
    const error of [
      ...[new OutOfStock("o"), new RangeError("r"), new Reject("j"), invalid],
      ...["text", 7, NaN, null, undefined, false, { code: 1 }, Symbol("s"), 2n ** 70n],
      new AggregateError([new TypeError("one"), "two", null], "both"),
      new SuppressedError(new Error("closing"), new Error("working"), "m"),
    ]
  ) {
    assertEquals(encodeException(crossed(error)), encodeException(error));
  }
});
