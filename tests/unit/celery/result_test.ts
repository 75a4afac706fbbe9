import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeMeta,
  encodeMeta,
  replyMessage,
  type ResultMeta,
} from "../../../shared/celery/result.ts";
import { Malformed } from "../../../shared/errors.ts";

const success: ResultMeta = {
  id: "eb111959",
  state: "SUCCESS",
  result: "2",
  exception: null,
  traceback: null,
  finishedAt: new Date("2026-11-23T17:07:16.448Z"),
};
const boom = { exc_type: "ValueError", exc_message: ["boom"], exc_module: "builtins" };

const written = (meta: ResultMeta) => new TextDecoder().decode(encodeMeta(meta));
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("encodeMeta() writes Celery's generic meta", () => {
  assertEquals(
    written({ ...success, groupId: "g1", parentId: null }),
    '{"status":"SUCCESS","result":2,"traceback":null,"children":[],"date_done":"2026-11-23T17:07:16.448000+00:00","group_id":"g1","task_id":"eb111959"}',
  );
});

Deno.test("encodeMeta() writes an exception where Celery's readers need one", () => {
  const failed = { ...success, state: "FAILURE", exception: boom, traceback: "Error" };
  assertEquals(JSON.parse(written(failed))["result"], boom);
  const unknown = { exc_type: "Exception", exc_message: [], exc_module: "builtins" };
  for (const state of ["FAILURE", "REVOKED"]) {
    assertEquals(JSON.parse(written({ ...success, state }))["result"], unknown);
  }
  assertEquals(JSON.parse(written({ ...success, state: "RETRY" }))["result"], null);
});

Deno.test("encodeMeta() inserts the result unchanged, and null if there is none", () => {
  const big = '{"n":1180591620717411303424}';
  assertEquals(decodeMeta(encodeMeta({ ...success, result: big })).result, big);
  assertEquals(decodeMeta(encodeMeta({ ...success, result: null })).result, "null");
});

Deno.test("replyMessage() is addressed to the reply queue with its correlation id", () => {
  const message = replyMessage(success, { replyTo: "amq.rabbitmq.reply-to.x" });
  assertEquals([message.exchange, message.routingKey], ["", "amq.rabbitmq.reply-to.x"]);
  assertEquals(message.headers, {});
  assertEquals(message.properties, {
    contentType: "application/json",
    contentEncoding: "utf-8",
    deliveryMode: 1,
    correlationId: "eb111959",
  });
  const other = replyMessage(success, { replyTo: "q", correlationId: "c" });
  assertEquals(other.properties.correlationId, "c");
});

Deno.test("decodeMeta() reads what Celery 5.2.7 and 5.7.0 sent", () => {
  const now = decodeMeta(bytes(
    '{"status":"SUCCESS","result":2,"traceback":null,"children":[],"date_done":"2026-11-23T17:07:16.448286+00:00","group_id":"g1","task_id":"eb111959"}',
  ));
  assertEquals(now, { ...success, children: [], groupId: "g1", parentId: null });
  const old = decodeMeta(bytes(
    '{"task_id":"1","status":"FAILURE","result":{"exc_type":"ValueError","exc_message":"boom","exc_module":"builtins"},"traceback":"T","children":[]}',
  ));
  assertEquals([old.exception, old.traceback, old.finishedAt], [boom, "T", null]);
  assertEquals(old.result, null);
});

Deno.test("decodeMeta() reads states without a result", () => {
  assertEquals(decodeMeta(bytes('{"task_id":"1","status":"STARTED","result":null}')).result, null);
  assertEquals(decodeMeta(bytes('{"task_id":"1","status":"RETRY"}')).exception, null);
  const odd = decodeMeta(bytes('{"task_id":"1","status":"FAILURE","result":{}}'));
  assertEquals(odd.exception, { exc_type: "Exception", exc_message: [], exc_module: "builtins" });
});

Deno.test("decodeMeta() refuses values without a task id and state", () => {
  for (const text of ["", "[]", "{}", '{"task_id":"1"}', '{"status":"SUCCESS"}', '{"task_id":1}']) {
    assertThrows(() => decodeMeta(bytes(text)), Malformed);
  }
});

Deno.test("decodeMeta() reads the output of encodeMeta()", () => {
  const text = fc.string().map((text) => text.toWellFormed());
  const meta = fc.record({
    id: text,
    state: fc.constantFrom("SUCCESS", "FAILURE", "RETRY", "REVOKED", "PROGRESS"),
    result: fc.jsonValue({ maxDepth: 2 }).map((value) => JSON.stringify(value)),
    exception: fc.record({
      exc_type: text,
      exc_message: fc.array(text),
      exc_module: text,
    }),
    traceback: fc.option(text),
    children: fc.constant([[["c", null], null]]),
    finishedAt: fc.option(fc.date({ min: new Date(0), max: new Date(1e14), noInvalidDate: true })),
    groupId: fc.option(fc.constant("g")),
    parentId: fc.option(fc.constant("p")),
  });
  fc.assert(fc.property(meta, (meta) => {
    const exceptional = ["FAILURE", "RETRY", "REVOKED"].includes(meta.state);
    const read = decodeMeta(encodeMeta(meta));
    assertEquals(read.exception, exceptional ? meta.exception : null);
    if (meta.state === "SUCCESS") assertEquals(read.result, meta.result);
    assertEquals({ ...read, result: "", exception: null }, {
      ...meta,
      result: "",
      exception: null,
    });
  }));
});

Deno.test("decodeMeta() throws nothing but Malformed", () => {
  const meta = fc.record({
    task_id: fc.oneof(fc.string(), fc.jsonValue()),
    status: fc.oneof(fc.constantFrom("SUCCESS", "FAILURE"), fc.jsonValue()),
    result: fc.jsonValue(),
    date_done: fc.oneof(fc.string(), fc.jsonValue()),
  }, { requiredKeys: [] }).map((meta) => bytes(JSON.stringify(meta)));
  fc.assert(fc.property(fc.oneof(meta, fc.uint8Array()), (body) => {
    try {
      decodeMeta(body);
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }));
});
