import { completion } from "../../../workers/running/completion.ts";
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { ConfigurationError } from "../../../shared/errors.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { createContext } from "../../../workers/running/context.ts";
import { replacement } from "../../../workers/running/replacement.ts";
import { wholeRequest } from "../../../workers/running/request.ts";
import { handle, Handlers } from "../../../workers/handlers.ts";

const one = defineTask({ name: "one", input: z.object({}) });
const two = defineTask({ name: "two", input: z.object({}), output: z.number() });
const registry = new Registry([one, two]);

function refusal(exports: Record<string, unknown>): string {
  return assertThrows(() => Handlers.fromModule(exports, "app.ts", registry), ConfigurationError)
    .message;
}

Deno.test("fromModule() collects single handlers and arrays of handlers, and nothing else", () => {
  const [first, second] = [handle(one, () => {}), handle(two, () => 2)];
  const handlers = Handlers.fromModule(
    { first, list: [second], one, text: "x", again: first },
    "app.ts",
    registry,
  );
  assertEquals(Array.from(handlers, ({ contract }) => contract.name), ["one", "two"]);
  assertEquals(handlers.get("two")?.contract, two);
  assertEquals(handlers.get("three"), undefined);
});

Deno.test("fromModule() rejects two handlers for one task", () => {
  assertStringIncludes(refusal({ a: handle(one, () => 1), b: handle(one, () => 2) }), "'one'");
});

Deno.test("fromModule() rejects a handler whose contract is not registered", () => {
  const other = defineTask({ name: "other", input: z.object({}) });
  const message = refusal({ a: handle(other, () => 1) });
  assertStringIncludes(message, "'other'");
  assertStringIncludes(message, "'app.ts'");
});

Deno.test("fromModule() rejects a module without handlers", () => {
  assertStringIncludes(refusal({ one }), "exports no handler");
});

Deno.test("createContext() creates an immutable object whose functions can be detached", () => {
  const heard: unknown[] = [];
  const skip = () => {};
  const log = { debug: skip, info: skip, warn: skip, error: skip };
  const { signal } = new AbortController();
  const progress = (value: unknown) => void heard.push(value);
  const context = createContext({
    signal,
    ...wholeRequest({ id: "1" }),
    deliveries: 1,
    log,
    progress,
    complete: completion,
    submit: () => Promise.reject(new Error("nothing is sent here")),
    emit: () => {},
    replace: replacement,
  });
  const { progress: taken } = context;
  taken(5);
  assertEquals(heard, [5]);
  assertThrows(() => Object.assign(context, { attempt: 2 }), TypeError);
});
