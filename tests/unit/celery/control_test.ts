import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Headers, Message } from "../../../shared/broker/message.ts";
import {
  type ControlRequest,
  decodeControl,
  decodeReply,
  encodeReply,
  encodeRequest,
  encodeRevoke,
  isAddressedTo,
} from "../../../shared/celery/control.ts";
import { Malformed } from "../../../shared/errors.ts";

function request(body: unknown, headers: Headers = {}): Message {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    exchange: "celery.pidbox",
    routingKey: "",
    properties: { contentType: "application/json" },
    headers,
    body: new TextEncoder().encode(text),
  };
}

/** What `celery inspect ping -d ev@h` of 5.7.0 sent. */
const PING = {
  method: "ping",
  arguments: {},
  destination: ["ev@h"],
  pattern: null,
  matcher: null,
  ticket: "dec8b182",
  reply_to: { exchange: "reply.celery.pidbox", routing_key: "fc5e04cd" },
};

const read = (message: Message) => JSON.parse(new TextDecoder().decode(message.body));

Deno.test("encodeRevoke() writes kombu's broadcast to all workers", () => {
  const message = encodeRevoke(["1", "2"], { terminate: true, signal: "SIGKILL", clock: 7 });
  assertEquals([message.exchange, message.routingKey], ["celery.pidbox", ""]);
  assertEquals(message.headers, { clock: 7 });
  assertEquals(message.properties, {
    contentType: "application/json",
    contentEncoding: "utf-8",
    deliveryMode: 2,
    priority: 0,
  });
  assertEquals(read(message), {
    method: "revoke",
    arguments: { task_id: ["1", "2"], terminate: true, signal: "SIGKILL" },
    destination: null,
    pattern: null,
    matcher: null,
  });
  const { arguments: given } = decodeControl(encodeRevoke(["1"]));
  assertEquals(given, { task_id: ["1"], terminate: false, signal: "SIGTERM" });
});

Deno.test("decodeControl() reads a captured request", () => {
  assertEquals(decodeControl(request(PING, { clock: 1, expires: 1795453490.5 })), {
    method: "ping",
    arguments: {},
    destination: ["ev@h"],
    pattern: null,
    matcher: null,
    ticket: "dec8b182",
    replyTo: { exchange: "reply.celery.pidbox", routingKey: "fc5e04cd" },
    clock: 1,
  });
});

Deno.test("decodeControl() reads a minimal request without a reply destination", () => {
  const least = decodeControl(request({ method: "ping" }));
  assertEquals([least.arguments, least.destination, least.replyTo, least.clock], [
    {},
    null,
    null,
    null,
  ]);
  assertEquals(decodeControl(request({ method: "ping", destination: [] })).destination, null);
  assertEquals(decodeControl(request({ method: "ping", destination: "a@h" })).destination, ["a@h"]);
  assertEquals(encodeReply(least, { nodeName: "a@h", value: 1, clock: 1 }), undefined);
});

Deno.test("decodeControl() refuses values that are not a request", () => {
  for (
    const body of ["no", [], null, {}, { method: "" }, { method: 5 }, { ...PING, arguments: [] }, {
      ...PING,
      destination: 5,
    }]
  ) {
    assertThrows(() => decodeControl(request(body)), Malformed);
  }
});

Deno.test("decodeControl() throws nothing but Malformed", () => {
  const body = fc.record({
    method: fc.oneof(fc.string(), fc.jsonValue()),
    arguments: fc.jsonValue(),
    destination: fc.jsonValue(),
    pattern: fc.jsonValue(),
    matcher: fc.constantFrom("glob", "pcre", "x", null),
    reply_to: fc.jsonValue(),
  }, { requiredKeys: [] });
  fc.assert(fc.property(body, (body) => {
    try {
      isAddressedTo(decodeControl(request(body)), "celeriac@host");
    } catch (error) {
      if (!(error instanceof Malformed)) throw error;
    }
  }));
});

Deno.test("isAddressedTo() selects nodes like kombu", () => {
  const us = "celeriac@web-1.shop";
  const cases: [Partial<ControlRequest>, boolean][] = [
    [{ destination: null }, true],
    [{ destination: [us] }, true],
    [{ destination: ["celery@other"] }, false],
    [{ destination: ["celery@other"], pattern: "*", matcher: "glob" }, false],
    [{ pattern: "celeriac@*", matcher: "glob" }, true],
    [{ pattern: "celeriac@", matcher: "glob" }, false],
    [{ pattern: "*web-?.shop", matcher: "glob" }, true],
    [{ pattern: "*web-?.sho", matcher: "glob" }, false],
    [{ pattern: "*web-[0-9]?shop", matcher: "glob" }, true],
    [{ pattern: "*web-[!0-9].shop", matcher: "glob" }, false],
    [{ pattern: "*web-[]1].shop", matcher: "glob" }, true],
    [{ pattern: "celeriac@web-1xshop", matcher: "glob" }, false],
    [{ pattern: "celeriac@(web|api)", matcher: "pcre" }, true],
    [{ pattern: "web", matcher: "pcre" }, false],
    [{ pattern: "(", matcher: "pcre" }, false],
    [{ pattern: "*", matcher: "unknown" }, false],
    [{ pattern: "celery@*" }, true], // without a matcher kombu does not look at the pattern
  ];
  const rest = { ...decodeControl(request(PING)), destination: null };
  for (const [change, expected] of cases) {
    assertEquals(isAddressedTo({ ...rest, ...change }, us), expected, JSON.stringify(change));
  }
});

Deno.test("encodeReply() sends to the reply destination of the request", () => {
  const reply = encodeReply(decodeControl(request(PING)), {
    nodeName: "celeriac@host",
    value: { ok: "pong" },
    clock: 13,
  });
  assertEquals([reply?.exchange, reply?.routingKey], ["reply.celery.pidbox", "fc5e04cd"]);
  assertEquals(reply?.headers, { ticket: "dec8b182", clock: 13 });
  assertEquals(reply?.properties.deliveryMode, 1);
  assertEquals(reply && read(reply), { "celeriac@host": { ok: "pong" } });
});

Deno.test("encodeRequest() writes kombu's request and decodeReply() reads the reply", () => {
  const message = encodeRequest({
    method: "ping",
    destination: ["ev@h"],
    reply: { routingKey: "fc5e04cd", ticket: "dec8b182" },
  });
  assertEquals(read(message), PING);
  const asked = decodeControl(message);
  const value = { ok: "pong" };
  const reply = encodeReply(asked, { nodeName: "ev@h", value, clock: 3 });
  assertEquals(reply && decodeReply(reply), { ticket: "dec8b182", values: [["ev@h", value]] });
  assertEquals(read(encodeRequest({ method: "ping", destination: [] })).destination, null);
  assertThrows(() => decodeReply(request("[]")), Malformed);
});
