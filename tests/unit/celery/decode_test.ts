import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { brotliCompressSync, deflateSync, zstdCompressSync } from "node:zlib";
import type { Headers, Message } from "../../../shared/broker/message.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import { isXz, withoutXz } from "../../../shared/celery/xz.ts";
import { ContentTypeRefused, Malformed } from "../../../shared/errors.ts";
import { captured, CAPTURED_BODY, CAPTURED_PROPERTIES, protocol1 } from "./messages.ts";

const SIGNATURE = {
  task: "proj.tasks.xsum",
  args: [],
  kwargs: {},
  options: { task_id: "7811440b" },
  subtask_type: null,
  immutable: false,
};

/** Decodes a message that must be refused. */
function refused(message: Message): Malformed {
  return assertThrows(() => decodeTask(message), Malformed);
}

Deno.test("decodeTask() reads a message of Celery 5.7.0", () => {
  assertEquals(decodeTask(captured()), {
    id: "e6034684",
    task: "proj.tasks.add",
    args: [2, 2],
    kwargs: {},
    embed: { callbacks: null, errbacks: null, chain: null, chord: null },
    retries: 0,
    eta: new Date("2026-11-23T16:20:37.160Z"),
    expires: new Date("2026-11-23T16:22:27.160Z"),
    timeLimit: null,
    softTimeLimit: null,
    rootId: "e6034684",
    parentId: null,
    group: null,
    groupIndex: null,
    shadow: null,
    argsRepr: "(2, 2)",
    kwargsRepr: "{}",
    origin: "gen27346@vm",
    ignoreResult: false,
    replacedTaskNesting: 0,
    stamps: {},
    replyTo: "b7f0fc1f-7769-3eb8-8844-3f2123c84322",
    correlationId: "e6034684",
    priority: null,
    headers: {},
  });
});

Deno.test("decodeTask() reads the message of a chord member", () => {
  const embed = { callbacks: [SIGNATURE], errbacks: [], chain: [SIGNATURE], chord: SIGNATURE };
  const task = decodeTask(captured({
    headers: {
      group: "d76dd957",
      group_index: 1,
      timelimit: [600, 540.5],
      retries: 2,
      parent_id: "p",
      root_id: "r",
      shadow: "shown",
      ignore_result: true,
      stamps: { tenant: "a" },
      stamped_headers: ["tenant"],
      tenant: "b",
    },
    properties: { priority: 5 },
    body: [[], { x: 1 }, embed],
  }));
  assertEquals(task.embed as unknown, embed);
  assertEquals([task.group, task.groupIndex], ["d76dd957", 1]);
  assertEquals([task.timeLimit, task.softTimeLimit], [600, 540.5]); // [hard, soft]: trap T5
  assertEquals([task.retries, task.parentId, task.rootId, task.shadow], [2, "p", "r", "shown"]);
  assertEquals([task.ignoreResult, task.priority, task.kwargs], [true, 5, { x: 1 }]);
  assertEquals([task.stamps, task.headers], [{ tenant: "a" }, { tenant: "b" }]);
});

Deno.test("decodeTask() requires only the headers task and id", () => {
  const task = decodeTask({
    ...captured(),
    headers: { task: "add", id: "1" },
    properties: { contentType: "application/json" },
  });
  assertEquals([task.rootId, task.retries, task.eta, task.ignoreResult], ["1", 0, null, null]);
  assertEquals([task.argsRepr, task.kwargsRepr], ["(2, 2)", "{}"]);
  assertEquals([task.replyTo, task.correlationId], [null, null]);
});

Deno.test("decodeTask() hides the broker's headers from the handler", () => {
  const task = decodeTask(captured({
    headers: { "x-death": [{}], "x-delivery-count": 3, "x-first-death-queue": "q", "x-own": 1 },
  }));
  assertEquals(task.headers, { "x-own": 1 });
});

Deno.test("decodeTask() accepts an empty embed in every form that Python accepts", () => {
  const none = { callbacks: null, errbacks: null, chain: null, chord: null };
  for (const embed of [null, {}, [], { chord: {} }, { callbacks: null }]) {
    assertEquals(decodeTask(captured({ body: [[], {}, embed] })).embed as unknown, none);
  }
});

Deno.test("decodeTask() decodes typed JSON in arguments and keeps it in the embed", () => {
  const typed = { __type__: "date", __value__: "2026-01-02" };
  const next = { ...SIGNATURE, args: [typed] };
  const body = [[typed], { day: typed }, { chain: [next] }];
  const task = decodeTask(captured({ body }));
  assertEquals([task.args, task.kwargs], [["2026-01-02"], { day: "2026-01-02" }]);
  assertEquals(task.embed.chain, [next]);
});

/** `bz2.compress()` and `lzma.compress()` of Python 3.11, of a body whose arguments are `[2, 2]`. */
const BZIP2 =
  "QlpoOTFBWSZTWem/p+QAAAabgFAEEBAACjgNCgogACIj0IaGm1ChppgADXSawYjUBXfnfZlVBG6ISW+LuSKcKEh039PyAA==";
const XZ =
  "/Td6WFoAAATm1rRGAgAhARYAAAB0L+WjAQAgW1syLCAyXSwge30sIHsiY2FsbGJhY2tzIjogbnVsbH1dAAAAAHSuNLTyyI/lAAE5Ic8oa2IftvN9AQAAAAAEWVo=";
/** 129 MiB of zeros. */
const BZIP2_ZEROS =
  "QlpoOTFBWSZTWQ4J4t8BX45AAMAAAAggADCATUZCoCWpCoCXMUFZJlNZDgni3wFfjkAAwAAACCAAMIBNRkKgJakKgJcxQVkmU1nwMtMyAUzvYADAAAQAAAggADDMCappoIUUtqBCil4u5IpwoSGoDTvg";

Deno.test("decodeTask() decompresses kombu's compressed bodies up to a limit", () => {
  const body = new TextEncoder().encode(JSON.stringify(CAPTURED_BODY));
  const variants: [string, Uint8Array][] = [
    ["application/x-gzip", deflateSync(body)], // a zlib stream, whatever its name
    ["application/x-brotli", brotliCompressSync(body)],
    ["application/zstd", zstdCompressSync(body)],
    ["application/x-bz2", Uint8Array.fromBase64(BZIP2)],
  ];
  for (const [compression, body] of variants) {
    assertEquals(decodeTask(captured({ headers: { compression }, body })).args, [2, 2]);
  }
  const bombs: [string, Uint8Array][] = [
    ["application/x-gzip", deflateSync(new Uint8Array(130 * 1024 * 1024), { level: 9 })],
    ["application/x-bz2", Uint8Array.fromBase64(BZIP2_ZEROS)],
  ];
  for (const [compression, body] of bombs) {
    const error = refused(captured({ headers: { compression }, body }));
    assertEquals(error.id, "e6034684");
    assertStringIncludes(error.message, "to at most 134217728 bytes");
  }
});

Deno.test("withoutXz() decompresses kombu's lzma bodies up to a limit", async () => {
  const compressed = (body: Uint8Array) =>
    captured({ headers: { compression: "application/x-lzma" }, body });
  const message = compressed(Uint8Array.fromBase64(XZ));
  assert(isXz(message));
  assertEquals(decodeTask(await withoutXz(message)).args, [2, 2]);
  const zeros = await Deno.readFile(new URL("../../fixtures/zeros.xz", import.meta.url));
  const broken = [zeros, new Uint8Array(), new Uint8Array(100), message.body.subarray(0, 40)];
  for (const body of broken) {
    const error = await assertRejects(() => withoutXz(compressed(body)), Malformed);
    assertEquals(error.id, "e6034684");
  }
});

Deno.test("decodeTask() reads UTF-8 and ignores the content encoding", () => {
  const text = '[["\\u00fcü😀"],{},null]';
  for (const contentEncoding of [undefined, "latin-1", "binary"]) {
    const task = decodeTask(captured({ properties: { contentEncoding }, body: text }));
    assertEquals(task.args, ["üü😀"]);
  }
});

Deno.test("decodeTask() replaces representations that cannot be stored", () => {
  for (const argsrepr of [5, "a\0b", "x".repeat(5000)]) {
    assertEquals(decodeTask(captured({ headers: { argsrepr } })).argsRepr, "(2, 2)");
  }
});

Deno.test("decodeTask() ignores labels of a wrong type, because Python runs such a message", () => {
  const task = decodeTask(captured({
    headers: {
      group: 1,
      root_id: [],
      parent_id: {},
      shadow: 5,
      group_index: "1",
      ignore_result: "x",
      stamps: null,
    },
  }));
  assertEquals([task.group, task.rootId, task.parentId], [null, "e6034684", null]);
  assertEquals([task.shadow, task.groupIndex, task.ignoreResult], [null, null, null]);
  assertEquals(task.stamps, {});
});

Deno.test("decodeTask() refuses each body that crashes a Python worker, is lost or fails there", () => {
  const deep = `[[${"[".repeat(20_000)}${"]".repeat(20_000)}],{},{}]`;
  const bodies: unknown[] = [
    [[], {}],
    [[], {}, {}, {}],
    {},
    null,
    5,
    "abc",
    { a: 1, b: 2, c: 3 },
    "",
    "[[1, {}, {}",
    new Uint8Array([0x5b, 0x22, 0xff, 0x22, 0x5d]),
    deep,
    [[{ __type__: "foo", __value__: 1 }], {}, {}],
    [[{ __type__: "datetime", __value__: "soon" }], {}, {}],
    [[], {}, { chain: [{ ...SIGNATURE, args: [{ __type__: "foo", __value__: 1 }] }] }],
    [[], { __type__: "uuid", __value__: { hex: "0".repeat(32) } }, {}],
    [null, {}, {}],
    [1, {}, {}],
    [{}, {}, {}],
    ["ab", {}, {}],
    [[], null, {}],
    [[], [], {}],
    [[], "{}", {}],
    [[], {}, "embed"],
    [[], {}, [1]],
    [[], {}, { callbacks: {} }],
    [[], {}, { callbacks: ["x"] }],
    [[], {}, { errbacks: 5 }],
    [[], {}, { chain: SIGNATURE }],
    [[], {}, { chord: [SIGNATURE] }],
  ];
  for (const body of bodies) {
    const error = refused(captured({ body }));
    assertEquals(error.id, "e6034684", error.message);
  }
});

Deno.test("decodeTask() refuses each header that crashes a Python worker or is rejected there", () => {
  const headers: Record<string, unknown>[] = [
    { task: undefined },
    { task: null },
    { task: "" },
    { task: 5 },
    { task: ["proj.tasks.add"] },
    { task: "x".repeat(256) },
    { timelimit: 600 },
    { timelimit: [600] },
    { timelimit: [600, 540, 1] },
    { timelimit: ["600", "540"] },
    { timelimit: [-1, null] },
    { eta: "soon" },
    { eta: 1795453470 },
    { expires: "2026-02-30T00:00:00" },
    { expires: 60 },
    { retries: "1" },
    { retries: -1 },
    { retries: 1.5 },
    { compression: "application/x-bz2" },
    { compression: "application/x-lzma" },
    { compression: "toString" },
    { compression: 5 },
    { compression: { toString: false } },
    { compression: "application/x-gzip" }, // and is not
  ];
  for (const varied of headers) {
    const error = refused(captured({ headers: varied }));
    assertEquals(error.id, "e6034684", JSON.stringify(varied));
  }
});

Deno.test("decodeTask() reports no id if it cannot be stored", () => {
  for (const id of [undefined, null, "", 5, ["e6034684"], "x".repeat(256), "a\0b"]) {
    assertStrictEquals(refused(captured({ headers: { id } })).id, undefined);
  }
});

Deno.test("decodeTask() refuses content types other than JSON and reports the id", () => {
  for (
    const contentType of [
      undefined,
      "application/data",
      "application/x-python-serialize",
      "text/plain",
      "application/json; charset=utf-8",
    ]
  ) {
    const error = refused(captured({ properties: { contentType } }));
    assertInstanceOf(error, ContentTypeRefused);
    assertEquals(error.id, "e6034684");
  }
});

Deno.test("decodeTask() reads protocol 1", () => {
  const chord = { ...SIGNATURE, options: { queue: "cap", task_id: "a95454ba" } };
  const task = decodeTask(protocol1({
    task: "proj.tasks.add",
    id: "15fd3c3b",
    args: [1, 1],
    kwargs: {},
    group: "c6bad88a",
    group_index: 0,
    retries: 0,
    eta: null,
    expires: "2026-11-23T16:22:27+00:00",
    utc: true,
    callbacks: null,
    errbacks: null,
    timelimit: [60, null],
    taskset: "c6bad88a",
    chord,
  }));
  assertEquals([task.id, task.task, task.args], ["15fd3c3b", "proj.tasks.add", [1, 1]]);
  assertEquals([task.group, task.groupIndex, task.timeLimit], ["c6bad88a", 0, 60]);
  assertEquals(task.expires, new Date("2026-11-23T16:22:27Z"));
  assertEquals(task.embed, { callbacks: null, errbacks: null, chain: null, chord });
  assertEquals(task.argsRepr, "(1, 1)");
});

Deno.test("decodeTask() refuses unreadable messages of protocol 1", () => {
  const least = { task: "add", id: "1" };
  assertEquals(decodeTask(protocol1(least)).args, []);
  const bodies = [
    { task: "add" },
    { id: "1" },
    { ...least, args: 5 },
    { ...least, utc: false, eta: "2026-11-23T16:22:27" },
    CAPTURED_BODY,
    [],
    null,
  ];
  for (const body of bodies) refused(protocol1(body));
  assertEquals(refused(protocol1({ ...least, eta: "soon" })).id, "1");
  const local = { ...least, utc: false, eta: "2026-11-23T16:22:27+01:00" };
  assertEquals(decodeTask(protocol1(local)).eta, new Date("2026-11-23T15:22:27Z"));
});

Deno.test("decodeTask() throws nothing but Malformed on arbitrary headers and bodies", () => {
  const name = fc.oneof(
    fc.constantFrom(...Object.keys(captured().headers), "compression", "__proto__", "x-death"),
    fc.string(),
  );
  const value = fc.oneof(
    fc.constantFrom("application/x-gzip", "2026-01-01T00:00:00Z", [1, null], null, -1),
    fc.anything({ withBigInt: true, withDate: true }),
  );
  const json = fc.jsonValue().map((value) => JSON.stringify(value));
  const triple = fc.tuple(fc.anything(), fc.anything(), fc.anything()).map((body) => {
    try {
      return JSON.stringify(body);
    } catch {
      return "[[],{},{}]";
    }
  });
  const body = fc.oneof(fc.uint8Array(), json, triple, fc.constant(CAPTURED_BODY));
  fc.assert(
    fc.property(fc.dictionary(name, value), body, fc.boolean(), (headers, body, bare) => {
      const varied = captured({ headers, body });
      const message = bare ? { ...varied, headers: headers as Headers } : varied;
      try {
        decodeTask({ ...message, properties: CAPTURED_PROPERTIES });
      } catch (error) {
        if (!(error instanceof Malformed)) throw error;
      }
    }),
    { numRuns: 1000 },
  );
});
