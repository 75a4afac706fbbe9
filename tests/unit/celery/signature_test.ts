import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { fromWire, type Signature, toWire } from "../../../shared/celery/signature.ts";
import { InvalidInput, Malformed } from "../../../shared/errors.ts";

/** The chord body in the message of a header task, as sent by Celery 5.7.0. */
const CAPTURED = {
  task: "proj.tasks.xsum",
  args: [],
  kwargs: {},
  options: {
    queue: "cap",
    task_id: "7811440b",
    reply_to: "b7f0fc1f-7769-3eb8-8844-3f2123c84322",
    group_id: "d76dd957",
  },
  subtask_type: null,
  immutable: false,
};

Deno.test("fromWire() and toWire() round-trip a captured signature", () => {
  const signature = fromWire(CAPTURED);
  assertEquals(signature.options, {
    queue: "cap",
    taskId: "7811440b",
    replyTo: "b7f0fc1f-7769-3eb8-8844-3f2123c84322",
    group: "d76dd957",
  });
  assertEquals(toWire(signature) as unknown, CAPTURED);
});

Deno.test("toWire() always writes six keys, and times as strings", () => {
  const eta = new Date("2026-01-02T03:04:05Z");
  const wire = toWire({
    task: "add",
    args: [1],
    kwargs: { y: 2 },
    options: { eta, expires: 60, priority: null, taskId: undefined, ignoreResult: false },
    immutable: true,
    subtaskType: "chain",
  });
  assertEquals(wire, {
    task: "add",
    args: [1],
    kwargs: { y: 2 },
    options: { eta: "2026-01-02T03:04:05.000000+00:00", expires: 60, ignore_result: false },
    subtask_type: "chain",
    immutable: true,
  });
  const wrong = { task: "add", args: [], kwargs: {}, options: { eta: new Date(NaN) } };
  assertThrows(() => toWire(wrong), InvalidInput);
});

Deno.test("toWire() writes stamps next to the options, which take precedence", () => {
  const options = { taskId: "1", stamps: { tenant: "a", task_id: "no" } };
  const wire = toWire({ task: "add", args: [], kwargs: {}, options });
  assertEquals(wire.options, {
    task_id: "1",
    tenant: "a",
    stamped_headers: ["tenant", "task_id"],
  });
  assertEquals(fromWire(wire).options.stamps, { tenant: "a", task_id: "1" });
});

Deno.test("fromWire() accepts missing keys of older clients and a single signature for a list", () => {
  assertEquals(fromWire({ task: "add" }), {
    task: "add",
    args: [],
    kwargs: {},
    options: {},
    immutable: false,
    subtaskType: null,
  });
  const { options } = fromWire({
    task: "add",
    options: { link: CAPTURED, chain: [CAPTURED], priority: null, serializer: "json", origin: "x" },
    chord_size: 3,
  });
  assertEquals(options, { callbacks: [CAPTURED], chain: [CAPTURED] });
});

Deno.test("fromWire() refuses values that are not a signature and names the part", () => {
  for (
    const [value, part] of [
      [null, "object"],
      [[], "object"],
      [{}, "task"],
      [{ task: "" }, "task"],
      [{ task: "a", args: "ab" }, "args"],
      [{ task: "a", kwargs: [] }, "kwargs"],
      [{ task: "a", options: [] }, "options"],
      [{ task: "a", subtask_type: 1 }, "subtask_type"],
      [{ task: "a", options: { task_id: 1 } }, "task_id"],
      [{ task: "a", options: { retries: "1" } }, "retries"],
      [{ task: "a", options: { eta: 1795453470 } }, "eta"],
      [{ task: "a", options: { eta: "soon" } }, "soon"],
      [{ task: "a", options: { ignore_result: "yes" } }, "ignore_result"],
      [{ task: "a", options: { headers: [] } }, "headers"],
    ] as const
  ) assertThrows(() => fromWire(value), Malformed, part);
});

Deno.test("fromWire() reads the output of toWire()", () => {
  const text = fc.string({ minLength: 1 });
  const time = fc.date({ min: new Date(0), max: new Date("9999-01-01"), noInvalidDate: true });
  const list = fc.array(fc.constant(CAPTURED), { maxLength: 2 });
  const options = fc.record({
    taskId: text,
    queue: text,
    priority: fc.nat(255),
    countdown: fc.nat(),
    eta: time,
    expires: fc.oneof(time, fc.nat()),
    retries: fc.nat(),
    timeLimit: fc.nat(),
    headers: fc.constant({ tenant: "a" }),
    ignoreResult: fc.boolean(),
    group: text,
    groupIndex: fc.nat(),
    chain: list,
    chord: fc.constant(CAPTURED),
    callbacks: list,
    stamps: fc.constant({ stamp: "a" }),
  }, { requiredKeys: [] });
  fc.assert(fc.property(text, options, fc.boolean(), (task, options, immutable) => {
    const signature: Signature = {
      task,
      args: [1],
      kwargs: { a: "b" },
      options,
      immutable,
      subtaskType: null,
    };
    assertEquals(fromWire(JSON.parse(JSON.stringify(toWire(signature)))), signature);
  }));
});

Deno.test("fromWire() throws nothing but Malformed", () => {
  const options = fc.dictionary(
    fc.constantFrom("task_id", "eta", "expires", "link", "stamped_headers", "headers", "__proto__"),
    fc.anything(),
  );
  const wire = fc.record({
    task: fc.oneof(fc.string(), fc.anything()),
    args: fc.oneof(fc.constant([]), fc.anything()),
    kwargs: fc.oneof(fc.constant({}), fc.anything()),
    options,
  }, { requiredKeys: [] });
  fc.assert(fc.property(fc.oneof(wire, fc.anything()), (value) => {
    try {
      fromWire(value);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }));
});
