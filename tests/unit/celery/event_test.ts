import { assert, assertEquals, assertThrows } from "@std/assert";
import type { Message } from "../../../shared/broker/message.ts";
import {
  decodeEvents,
  encodeEvents,
  type EventNode,
  type ReceivedEvent,
  workerEvent,
} from "../../../shared/celery/event.ts";
import { encodeTask } from "../../../shared/celery/message.ts";
import { Malformed } from "../../../shared/errors.ts";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { taskSentEvent } from "../../../workers/sent_events.ts";

function node(): EventNode {
  let clock = 0;
  return { hostname: "celeriac@host", pid: 42, clock: () => ++clock };
}

const received: TaskEvent = {
  type: "task-received",
  id: "e6034684",
  name: "add",
  queue: "celeriac.default",
  args: "(2, 2)",
  kwargs: "{}",
  rootId: "e6034684",
  parentId: null,
  retries: 0,
  eta: null,
  expires: null,
  redelivered: false,
};

function heard(event: TaskEvent): ReceivedEvent {
  const [only] = decodeEvents(encodeEvents([{ event, timestamp: 1795453470.5 }], node()));
  return only as ReceivedEvent;
}

function message(body: string): Message {
  return {
    exchange: "celeryev",
    routingKey: "task.multi",
    properties: {},
    headers: {},
    body: new TextEncoder().encode(body),
  };
}

Deno.test("encodeEvents() writes one list for many events, as Python workers do", () => {
  const started: TaskEvent = { type: "task-started", id: "1", name: "add" };
  const message = encodeEvents([{ event: received, timestamp: 1.5 }, {
    event: started,
    timestamp: 2,
  }], node());
  assertEquals([message.exchange, message.routingKey], ["celeryev", "task.multi"]);
  assertEquals(message.headers, { hostname: "celeriac@host" });
  assertEquals(message.properties, {
    contentType: "application/json",
    contentEncoding: "utf-8",
    deliveryMode: 1,
    priority: 0,
  });
  assertEquals(JSON.parse(new TextDecoder().decode(message.body)), [
    {
      type: "task-received",
      uuid: "e6034684",
      hostname: "celeriac@host",
      pid: 42,
      timestamp: 1.5,
      clock: 1,
      name: "add",
      args: "(2, 2)",
      kwargs: "{}",
      root_id: "e6034684",
      parent_id: null,
      retries: 0,
      eta: null,
      expires: null,
      queue: "celeriac.default",
      redelivered: false,
    },
    {
      type: "task-started",
      uuid: "1",
      hostname: "celeriac@host",
      pid: 42,
      timestamp: 2,
      clock: 2,
      name: "add",
    },
  ]);
});

Deno.test("encodeEvents() writes the fields of each type and never utcoffset", () => {
  const id = "1";
  const name = "add";
  const until = new Date("2026-01-02T03:04:05Z");
  const cases: [TaskEvent, Record<string, unknown>][] = [
    [{ type: "task-progress", id, name, progress: { done: 1 } }, { progress: { done: 1 } }],
    [{ type: "task-succeeded", id, name, result: '{"a":[true,null]}', runtime: 0.5 }, {
      result: "{'a': [True, None]}",
      runtime: 0.5,
    }],
    [{ type: "task-failed", id, name, exception: "E('x')", traceback: "T", runtime: 0.5 }, {
      exception: "E('x')",
      traceback: "T",
      runtime: 0.5,
    }],
    [{ type: "task-failed", id, name, exception: "E('x')", traceback: null, runtime: null }, {
      exception: "E('x')",
    }],
    [{ type: "task-retried", id, name, exception: "E('x')", traceback: "T", delay: 2 }, {
      exception: "E('x')",
      traceback: "T",
      delay: 2,
    }],
    [{ type: "task-revoked", id, name, expired: true, terminated: false }, {
      expired: true,
      terminated: false,
      signum: null,
    }],
    [{ type: "task-revoked", id, name, expired: false, terminated: true }, {
      expired: false,
      terminated: true,
      signum: 9,
    }],
    [{ type: "task-deferred", id, name, until, why: "early" }, {
      until: "2026-01-02T03:04:05.000Z",
    }],
    [{ type: "task-deferred", id, name, until: null, why: "paused" }, { until: null }],
    [{ type: "task-rejected", id, name, reason: "malformed", message: "m" }, {
      requeue: false,
      reason: "malformed",
      message: "m",
    }],
  ];
  for (const [event, fields] of cases) {
    const { type, uuid, hostname, pid, timestamp, clock, name: heardName, ...rest } = heard(event);
    assertEquals([type, uuid, heardName], [event.type, id, name]);
    assertEquals([hostname, pid, timestamp, clock], ["celeriac@host", 42, 1795453470.5, 1]);
    assertEquals(rest, fields);
  }
});

Deno.test("encodeEvents() hides deferrals from monitors that would derive a state from them", () => {
  const event: TaskEvent = {
    type: "task-deferred",
    id: "1",
    name: "add",
    until: new Date(0),
    why: "early",
  };
  const message = encodeEvents([{ event, timestamp: 1 }], node());
  assertEquals(JSON.parse(new TextDecoder().decode(message.body))[0]["type"], "celeriac-deferred");
  assertEquals(decodeEvents(message)[0]?.type, "task-deferred");
});

Deno.test("encodeEvents() omits tasks without an id", () => {
  const event: TaskEvent = {
    type: "task-rejected",
    id: null,
    name: null,
    reason: "malformed",
    message: "m",
  };
  const events = [{ event, timestamp: 1 }, { event: received, timestamp: 2 }];
  assertEquals(decodeEvents(encodeEvents(events, node())).map((event) => event.type), [
    "task-received",
  ]);
});

Deno.test("encodeEvents() writes all events despite large and unwritable values", () => {
  const circular: unknown[] = [];
  circular.push(circular);
  const id = "1";
  const name = "add";
  assertEquals(
    heard({ type: "task-progress", id, name, progress: circular })["progress"],
    "[[[[...]]]]",
  );
  const big = heard({ type: "task-progress", id, name, progress: "x ".repeat(20_000) });
  assert(String(big["progress"]).length < 1100);
  const long = heard({
    type: "task-succeeded",
    id,
    name,
    result: `"${"x".repeat(1e6)}"`,
    runtime: 1,
  });
  assert(String(long["result"]).length < 1100);
  const odd = heard({ type: "task-succeeded", id, name, result: "no JSON", runtime: 1 });
  assertEquals(odd["result"], "no JSON");
  const failed = heard({
    type: "task-failed",
    id,
    name,
    exception: "E()",
    traceback: "x".repeat(1e5),
    runtime: 1,
  });
  assert(String(failed["traceback"]).length <= 8192);
});

Deno.test("workerEvent() writes one object with the fields that monitors show", () => {
  const fields = {
    timestamp: 1795453470.5,
    freq: 5,
    active: 1,
    processed: 2,
    loadavg: [0.5, 0.25, 0.125],
    version: "0.1.0",
    system: "Linux",
  };
  const message = workerEvent("worker-heartbeat", fields, node());
  assertEquals([message.exchange, message.routingKey], ["celeryev", "worker.heartbeat"]);
  assertEquals(JSON.parse(new TextDecoder().decode(message.body)), {
    type: "worker-heartbeat",
    hostname: "celeriac@host",
    pid: 42,
    clock: 1,
    timestamp: 1795453470.5,
    freq: 5,
    active: 1,
    processed: 2,
    loadavg: [0.5, 0.25, 0.125],
    sw_ident: "celeriac",
    sw_ver: "0.1.0",
    sw_sys: "Linux",
  });
  assertEquals(decodeEvents(message)[0]?.uuid, null);
});

Deno.test("encodeEvents() writes task-sent events", () => {
  const signature = {
    task: "add",
    args: [1],
    kwargs: {},
    options: { taskId: "b", rootId: "a", parentId: "a", countdown: 60 },
  };
  const destination = { exchange: "celeriac", routingKey: "celeriac.default" };
  const now = new Date("2026-01-02T03:04:05Z");
  const sent = encodeTask(signature, { origin: "o", destination, now });
  const { clock: _, hostname: _host, pid: _pid, timestamp: _at, ...told } = heard(
    taskSentEvent(sent, "celeriac.default"),
  );
  assertEquals(told, {
    type: "task-sent",
    uuid: "b",
    name: "add",
    args: "(1,)",
    kwargs: "{}",
    root_id: "a",
    parent_id: "a",
    retries: 0,
    eta: "2026-01-02T03:05:05.000000+00:00",
    expires: null,
    queue: "celeriac.default",
    exchange: "celeriac",
    routing_key: "celeriac.default",
  });
});

Deno.test("decodeEvents() reads an object or a list and skips events without type, hostname or timestamp", () => {
  const event = { type: "task-sent", uuid: "1", hostname: "gen1@h", timestamp: 1.5, queue: "q" };
  assertEquals(decodeEvents(message(JSON.stringify(event))), [event]);
  const odd = [null, 5, [], {}, { ...event, type: 1 }, { ...event, hostname: null }, {
    ...event,
    timestamp: "1",
  }];
  assertEquals(decodeEvents(message(JSON.stringify([...odd, event]))), [event]);
  assertEquals(decodeEvents(message("[]")), []);
  assertThrows(() => decodeEvents(message("no")), Malformed);
});
