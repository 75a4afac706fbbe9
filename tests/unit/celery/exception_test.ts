import { assert, assertEquals, assertMatch } from "@std/assert";
import fc from "fast-check";
import { z } from "zod";
import {
  encodeException,
  type ExceptionMeta,
  notRegistered,
  pythonRepr,
  revoked,
  traceback,
} from "../../../shared/celery/exception.ts";
import {
  InvalidInput,
  Malformed,
  MaxRetriesExceeded,
  Reject,
  Retry,
  SoftTimeLimitExceeded,
  TimeLimitExceeded,
  WorkerLost,
  WrongArguments,
} from "../../../shared/errors.ts";

class PaymentRefused extends Error {}

class Named extends Error {
  override name = "Out of stock!";
}

function meta(module: string, type: string, ...args: unknown[]): ExceptionMeta {
  return { exc_type: type, exc_message: args, exc_module: module };
}

Deno.test("encodeException() uses Python's class for each error that has one", () => {
  const cases: [unknown, ExceptionMeta][] = [
    [new TypeError("t"), meta("builtins", "TypeError", "t")],
    [new RangeError("r"), meta("builtins", "ValueError", "r")],
    [new SyntaxError("s"), meta("builtins", "ValueError", "s")],
    [new ReferenceError("n"), meta("builtins", "NameError", "n")],
    [new DOMException("late", "TimeoutError"), meta("builtins", "TimeoutError", "late")],
    [new InvalidInput("bad", "kwargs.x"), meta("builtins", "ValueError", "bad")],
    [new WrongArguments("bad", "kwargs.x"), meta("builtins", "TypeError", "bad")],
    [new MaxRetriesExceeded("m"), meta("celery.exceptions", "MaxRetriesExceededError", "m")],
    [new SoftTimeLimitExceeded(5), meta("billiard.exceptions", "SoftTimeLimitExceeded")],
    [new TimeLimitExceeded(5), meta("billiard.exceptions", "TimeLimitExceeded", 5)],
    [new WorkerLost("gone"), meta("billiard.exceptions", "WorkerLostError", "gone")],
    [new Reject("no"), meta("celery.exceptions", "Reject", "no", false)],
    [new Retry("again"), meta("celery.exceptions", "Retry", "again")],
    [new Retry("again", { cause: new TypeError("t") }), meta("builtins", "TypeError", "t")],
  ];
  for (const [error, expected] of cases) assertEquals(encodeException(error), expected);
});

Deno.test("encodeException() uses the class that an error names, unless it is harmful", () => {
  const named = (pythonClass: unknown) => Object.assign(new TypeError("m"), { pythonClass });
  const cases: [unknown, ExceptionMeta][] = [
    [named("shop.errors.NotServed"), meta("shop.errors", "NotServed", "m")],
    [named("errors.E"), meta("errors", "E", "m")],
    [named("builtins.KeyError"), meta("builtins", "KeyError", "m")],
    ...[
      "builtins.SystemExit",
      "builtins.int",
      "NotServed",
      "a..b",
      "a b.c",
      "",
      "a.b.",
      1,
      null,
      "celery.exceptions.Retry",
      "celery.exceptions.Ignore",
    ]
      .map((name): [unknown, ExceptionMeta] => [named(name), meta("builtins", "TypeError", "m")]),
  ];
  for (const [error, expected] of cases) assertEquals(encodeException(error), expected);
});

Deno.test("encodeException() keeps all arguments of an error", () => {
  const listing = (args: unknown, more: object = {}) =>
    encodeException(Object.assign(new PaymentRefused("p"), { args, ...more }));
  const python = { pythonClass: "shop.errors.Refused" };
  assertEquals(
    listing(["card", 7, { code: [null, true] }], python),
    meta("shop.errors", "Refused", "card", 7, { code: [null, true] }),
  );
  assertEquals(listing([]), meta("celeriac", "PaymentRefused"));
  for (const none of ["text", 5, null, undefined, {}]) {
    assertEquals(listing(none), meta("celeriac", "PaymentRefused", "p"));
  }
  // Values that JSON or Postgres cannot represent become text.
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  const odd = [new Map(), 2n ** 64n, undefined, { nul: "\0" }, "x".repeat(1e6), proxy, () => 1];
  const { exc_message: shown } = listing(odd);
  assertEquals(shown.length, odd.length);
  assert(shown.every((one) => typeof one === "string" && one.length < 9000), String(shown));
  assertEquals(shown[1], "18446744073709551616");
  assertEquals(listing(Array(100).fill(1)).exc_message.length, 32);
});

Deno.test("encodeException() puts other errors into our module with a valid Python name", () => {
  const cases: [unknown, ExceptionMeta][] = [
    [new Error("e"), meta("celeriac", "Error", "e")],
    [new PaymentRefused("p"), meta("celeriac", "PaymentRefused", "p")],
    [new Named("n"), meta("celeriac", "Out_of_stock_", "n")],
    [new Malformed("m"), meta("celeriac", "Malformed", "m")],
    [new DOMException("stop", "AbortError"), meta("celeriac", "AbortError", "stop")],
    [new Deno.errors.NotFound("f"), meta("celeriac", "NotFound", "f")],
    [Object.assign(new Error("k"), { name: "os.system" }), meta("celeriac", "os.system", "k")],
    [Object.assign(new Error("k"), { name: "1ü" }), meta("celeriac", "_1_", "k")],
    [Object.assign(new Error("k"), { name: "" }), meta("celeriac", "Error", "k")],
    ["text", meta("celeriac", "Error", "text")],
    [42, meta("celeriac", "Error", 42)],
    [null, meta("celeriac", "Error", null)],
    [undefined, meta("celeriac", "Error", "undefined")],
    [{ code: 1 }, meta("celeriac", "Error", "{'code': 1}")],
  ];
  for (const [error, expected] of cases) assertEquals(encodeException(error), expected);
});

Deno.test("encodeException() lists the fields of a zod error", () => {
  const { error } = z.object({ x: z.number(), y: z.object({ z: z.string() }) }).safeParse({
    y: {},
  });
  const { exc_message: [message], ...rest } = encodeException(error);
  assertEquals(rest, { exc_type: "ValueError", exc_module: "builtins" });
  assertMatch(String(message), /^x: .+; y\.z: .+$/);
});

Deno.test("encodeException() keeps messages bounded and storable", () => {
  const { exc_message: [message] } = encodeException(new Error(`a\0\ud800${"x".repeat(1e6)}`));
  assert(String(message).startsWith("a\\x00\ufffd"));
  assert(String(message).length < 9000);
});

Deno.test("encodeException() never names a class that would terminate a Python reader", () => {
  const harmless = new Set(["TypeError", "ValueError", "NameError", "TimeoutError"]);
  fc.assert(fc.property(fc.string(), fc.string(), (name, message) => {
    const error = Object.assign(new Error(message), { name });
    const { exc_type: type, exc_module: module } = encodeException(error);
    assertMatch(type, /^[A-Za-z_][A-Za-z0-9_.]*$/);
    assert(module === "celeriac" || harmless.has(type));
  }));
});

Deno.test("pythonRepr() writes what Python's repr() writes", () => {
  const cases: [ExceptionMeta, string][] = [
    [meta("builtins", "ValueError", "boom"), "ValueError('boom')"],
    [meta("builtins", "KeyError", "it's"), `KeyError("it's")`],
    [meta("builtins", "KeyError", `'"`), `KeyError('\\'"')`],
    [
      meta("celeriac", "a.B", "\n\t\\\x00\x7f\xa0ü\u200b😀\u{e0001}"),
      "B('\\n\\t\\\\\\x00\\x7f\\xa0ü\\u200b😀\\U000e0001')",
    ],
    [meta("celery.exceptions", "Reject", "no", false), "Reject('no', False)"],
    [meta("billiard.exceptions", "TimeLimitExceeded", 2), "TimeLimitExceeded(2)"],
    [meta("billiard.exceptions", "SoftTimeLimitExceeded"), "SoftTimeLimitExceeded()"],
    [meta("celeriac", "E", { a: [null] }), "E({'a': [None]})"],
  ];
  for (const [exception, expected] of cases) assertEquals(pythonRepr(exception), expected);
  assert(pythonRepr(meta("celeriac", "E", "x".repeat(1e6))).length < 2000);
});

Deno.test("traceback() follows causes, within bounds", () => {
  const inner = new TypeError("inner");
  const text = traceback(new Error("outer", { cause: inner }));
  assertMatch(text, /^Error: outer\n +at .+\nCaused by: TypeError: inner\n +at /s);

  const circular = new Error("round");
  circular.cause = circular;
  assert(traceback(circular).split("Caused by: ").length <= 10);
  assertEquals(traceback(new Error("e", { cause: "c" })).split("\n").at(-1), "Caused by: c");

  const huge = new Error(`\0\udc00${"x".repeat(1e6)}`);
  assert(traceback(huge).length <= 64 * 1024);
  assert(traceback(huge).startsWith("Error: \\x00\ufffd"));
  assertEquals(traceback("thrown"), "thrown");
  assertEquals([undefined, null].map(traceback), ["undefined", "None"]);
  assertEquals(traceback(Object.assign(new Error("bare"), { stack: "" })), "Error: bare");
});

Deno.test("revoked() and notRegistered() return Celery's exceptions", () => {
  assertEquals(revoked("expired"), meta("celery.exceptions", "TaskRevokedError", "expired"));
  assertEquals(notRegistered("no.such"), meta("celery.exceptions", "NotRegistered", "no.such"));
});

Deno.test("encodeException() and traceback() accept errors whose properties are not strings", () => {
  const error = Object.assign(new Error(), { message: { toString: false }, name: 5, stack: "" });
  assertEquals(encodeException(error).exc_message, ["{'toString': False}"]);
  assertEquals(traceback(error), "Error: {'toString': False}");
});

Deno.test("encodeException() and traceback() keep the reasons of an aggregate error", () => {
  const reasons = [new TypeError("first"), "second", new AggregateError([new Error("deep")])];
  const error = new AggregateError(reasons, "all failed");
  const { exc_type, exc_message } = encodeException(error);
  assertEquals(exc_type, "AggregateError");
  assertEquals(exc_message, ["all failed: TypeError: first; second; AggregateError"]);
  const text = traceback(error);
  for (const part of ["TypeError: first\n    at", "Reason: second", "Reason: Error: deep"]) {
    assert(text.includes(part), text);
  }
  assertEquals(encodeException(new AggregateError([1, 2])).exc_message, ["1; 2"]);
  const disposal = new SuppressedError(new Error("closing"), new Error("working"), "both failed");
  assertEquals(encodeException(disposal).exc_message, [
    "both failed: Error: closing; Error: working",
  ]);
  const own = new AggregateError([]);
  own.errors.push(own);
  assert(traceback(own).length < 64 * 1024);
});
