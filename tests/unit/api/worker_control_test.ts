import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { CONTROL_EXCHANGE, decodeControl } from "../../../shared/celery/control.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { bearer, fixtureFor, keyedFixture, ROOT_TOKEN, testKey } from "./access/keys.ts";
import { createFixture, type Fixture } from "./fixture.ts";
import { startWorker } from "./remote_worker.ts";

const NAME = "w1@host";

const send = async (
  { app }: Pick<Fixture, "app">,
  path: string,
  body?: unknown,
  headers: Record<string, string> = {},
) => {
  const answer = await app.request(`/v1/workers/${path}`, {
    method: "POST",
    headers: { ...headers, ...(body !== undefined && { "content-type": "application/json" }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  return { status: answer.status, body: await answer.json() };
};

Deno.test("POST /v1/workers/{worker}/... sends the command to that worker and returns its reply", async () => {
  await using fixture = await createFixture();
  const received: [string, Record<string, unknown>][] = [];
  const others: [string, Record<string, unknown>][] = [];
  await using _worker = await startWorker(fixture, NAME, undefined, received);
  await using _other = await startWorker(fixture, "w2@host", undefined, others);
  const cases: [path: string, body: unknown, sent: object][] = [
    ["pool-grow", { n: 2 }, { command: "pool_grow", arguments: { n: 2 }, reply: "pool will grow" }],
    ["pool-shrink", undefined, {
      command: "pool_shrink",
      arguments: { n: 1 },
      reply: "pool will shrink",
    }],
    ["shutdown", undefined, { command: "shutdown", arguments: {}, reply: null }],
  ];
  for (const [path, body, sent] of cases) {
    assertEquals(await send(fixture, `${NAME}/${path}`, body), {
      status: 202,
      body: { worker: NAME, ...sent },
    });
  }
  assertEquals(received.filter(([method]) => method !== "ping"), [
    ["pool_grow", { n: 2 }],
    ["pool_shrink", { n: 1 }],
    ["shutdown", {}],
  ]);
  assertEquals(others, []);
  assertEquals(
    fixture.audit.entries.map(({ action, target, filter, status }) => [
      action,
      target,
      filter,
      status,
    ]),
    [
      ["workers:control", NAME, { command: "pool_grow", n: 2 }, 202],
      ["workers:control", NAME, { command: "pool_shrink", n: 1 }, 202],
      ["workers:control", NAME, { command: "shutdown" }, 202],
    ],
  );
});

Deno.test("a command to an unknown worker is a 404 with the names of the workers that reply", async () => {
  await using fixture = await createFixture();
  const none = await send(fixture, "w1@hots/shutdown");
  assertEquals([none.status, none.body.type], [404, "/problems/no-worker"]);
  assertStringIncludes(none.body.detail, "no worker replies, so start one");
  await using _one = await startWorker(fixture, NAME);
  await using _two = await startWorker(fixture, "a@python");
  const { status, body } = await send(fixture, "w1@hots/shutdown");
  assertEquals([status, body.type], [404, "/problems/no-worker"]);
  assertStringIncludes(body.detail, "did you mean 'w1@host'?");
  assertStringIncludes(body.detail, "a@python, w1@host");
  assertEquals(body.errors[0].allowed, ["a@python", NAME]);
  assertEquals(fixture.audit.entries, []);
});

Deno.test("invalid numbers, fields and queries are refused, and nothing is sent", async () => {
  await using fixture = await createFixture();
  const received: [string, Record<string, unknown>][] = [];
  await using _worker = await startWorker(fixture, NAME, undefined, received);
  const cases: [path: string, body: unknown, text: string][] = [
    ["pool-grow", { n: 0 }, "n:"],
    ["pool-grow", { n: 1.5 }, "n:"],
    ["pool-grow", { n: 10_001 }, "n:"],
    ["pool-shrink", { n: "2" }, "n:"],
    ["pool-shrink", { m: 2 }, "unknown field: did you mean 'n'?"],
    ["pool-shrink?n=2", undefined, "n"],
    ["shutdown?force=true", undefined, "force"],
  ];
  for (const [path, body, text] of cases) {
    const answer = await send(fixture, `${NAME}/${path}`, body);
    assertEquals(answer.status, 422, path);
    assertStringIncludes(answer.body.detail, text);
  }
  assertEquals([received, fixture.audit.entries], [[], []]);
});

Deno.test("a worker that refuses is a 409 with its words; one that is silent is a 202 without a reply", async () => {
  await using fixture = await createFixture();
  const error = "this worker only answers inspection commands";
  const pong = { ok: "pong" };
  await using _refusing = await startWorker(fixture, NAME, {
    ping: pong,
    shutdown: { error },
    pool_grow: { error },
  });
  await using _silent = await startWorker(fixture, "silent@host", { ping: pong });
  for (const path of ["shutdown", "pool-grow"]) {
    const { status, body } = await send(fixture, `${NAME}/${path}`);
    assertEquals([status, body.type], [409, "/problems/worker-refused"]);
    assertStringIncludes(body.detail, error);
  }
  const { status, body } = await send(fixture, "silent@host/pool-grow");
  assertEquals([status, body.reply], [202, null]);
});

Deno.test("a command answers 503 while the broker is away", async () => {
  await using fixture = await createFixture();
  await fixture.broker.stop();
  const { status, body } = await send(fixture, `${NAME}/shutdown`);
  assertEquals([status, body.type], [503, "/problems/unavailable"]);
  assertEquals(fixture.audit.entries, []);
});

Deno.test("a command that the broker does not confirm has an unknown outcome", async () => {
  await using fixture = await createFixture();
  await using _worker = await startWorker(fixture, NAME);
  const publish = fixture.broker.publish.bind(fixture.broker);
  fixture.broker.publish = (message, options) =>
    message.exchange === CONTROL_EXCHANGE && decodeControl(message).method === "shutdown"
      ? Promise.reject(new BrokerUnavailable("Cannot publish because the broker is blocked"))
      : publish(message, options);
  const { status, body } = await send(fixture, `${NAME}/shutdown`);
  assertEquals([status, body.type], [503, "/problems/outcome-unknown"]);
  assertEquals(fixture.audit.entries.map((entry) => entry.status), [503]);
});

Deno.test("a key that is limited to some tasks or queues controls no worker", async () => {
  for (const rights of [{ tasks: ["text.*"] }, { queues: ["celeriac.text"] }]) {
    const { fixture, token } = await fixtureFor(rights);
    await using _fixture = fixture;
    await using _worker = await startWorker(fixture, NAME);
    const { status, body } = await send(fixture, `${NAME}/shutdown`, undefined, bearer(token));
    assertEquals([status, body.type], [403, "/problems/forbidden"]);
    assertEquals(fixture.audit.entries, []);
  }
});

Deno.test("the page resizes and shuts down a worker, for a reader who may", async () => {
  const reader = testKey({ scopes: ["workers:read"] });
  const limited = testKey({ tasks: ["add"] });
  await using fixture = await keyedFixture([reader, limited]);
  const received: [string, Record<string, unknown>][] = [];
  await using _worker = await startWorker(fixture, NAME, undefined, received);
  const session = { cookie: `celeriac=${ROOT_TOKEN}`, "sec-fetch-site": "same-origin" };
  const get = async (path: string, headers: Record<string, string>) =>
    await (await fixture.app.request(path, { headers: { accept: "text/html", ...headers } }))
      .text();
  const [page = "", ...others] = await Promise.all([
    get("/workers?done=shutdownSent", session),
    ...[reader, limited].map(({ token }) => get("/workers", bearer(token))),
  ]);
  assertStringIncludes(page, 'action="/workers/w1%40host/pool"');
  assertStringIncludes(page, 'action="/workers/w1%40host/shutdown"');
  assertStringIncludes(page, "The shutdown was sent.");
  for (const other of others) {
    assertStringIncludes(other, NAME);
    assert(!other.includes("/workers/w1"));
  }

  const press = async (path: string, fields: Record<string, string> = {}) => {
    const answer = await fixture.app.request(`/workers/w1%40host/${path}`, {
      method: "POST",
      body: new URLSearchParams(fields),
      headers: session,
    });
    await answer.body?.cancel();
    return [answer.status, answer.headers.get("location")];
  };
  const fields = { command: "pool_shrink", slots: "2" };
  assertEquals(await press("pool", fields), [303, "/workers?done=poolResized"]);
  assertEquals(await press("shutdown"), [303, "/workers?done=shutdownSent"]);
  for (const wrong of [{ slots: "0" }, { slots: "x" }, { command: "shutdown" }]) {
    assertEquals((await press("pool", { ...fields, ...wrong }))[0], 422);
  }
  const sent = received.filter(([method]) => method === "shutdown" || method.startsWith("pool_"));
  assertEquals(sent, [["pool_shrink", { n: 2 }], ["shutdown", {}]]);
});
