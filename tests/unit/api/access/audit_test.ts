import { assertEquals } from "@std/assert";
import { changes } from "../../../../api/access/scopes.ts";
import { ROUTE_SCOPES } from "../../../../api/access/route_scopes.ts";
import { AuditCounter, NOBODY } from "../../../../api/access/audit_counter.ts";
import { EVERYONE, ROOT } from "../../../../api/access/caller.ts";
import { DatabaseUnavailable } from "../../../../shared/errors.ts";
import { MemoryAudit } from "../fixture.ts";
import { MemoryBulk } from "../memory_bulk.ts";
import { MemoryPauses } from "../memory_pauses.ts";
import { startWorker } from "../remote_worker.ts";
import { bearer, fixtureFor, keyedFixture, ROOT_TOKEN, testKey } from "./keys.ts";

interface Change {
  readonly path: string;
  readonly body?: object;
  /** Of a form of the page. */
  readonly form?: Readonly<Record<string, string>>;
  readonly target: string | null;
}

/** Body and headers of a change. */
function contentOf({ body, form }: Change): { body?: BodyInit; headers: HeadersInit } {
  const headers = { ...bearer(ROOT_TOKEN), ...(body && { "content-type": "application/json" }) };
  if (form) return { headers, body: new URLSearchParams(form) };
  return body ? { headers, body: JSON.stringify(body) } : { headers };
}

/** Id of a bulk job. */
const JOB = "0192f3c4-7a31-7cc0-8000-000000000001";

/** Node name of a worker. */
const WORKER = "w1@host";

const UNTIL = "2026-11-30T09:00:00.000Z";

/** Requests that change something, and the entry's target or filter. The tests of keys, schedules and subscriptions need a database: `keys_test.ts`. */
const CHANGES: Readonly<Record<string, Change>> = {
  "POST /v1/tasks/:task/retry": { path: "/v1/tasks/waiting/retry", target: "waiting" },
  "POST /v1/tasks:revoke": { path: "/v1/tasks:revoke", body: { filter: {} }, target: null },
  "POST /v1/tasks:retry": { path: "/v1/tasks:retry", body: { filter: {} }, target: null },
  "POST /v1/bulk-jobs/:job/stop": { path: `/v1/bulk-jobs/${JOB}/stop`, target: JOB },
  "DELETE /v1/tasks/:task": { path: "/v1/tasks/waiting", target: "waiting" },
  "POST /v1/workers/:worker/shutdown": {
    path: `/v1/workers/${WORKER}/shutdown`,
    target: WORKER,
  },
  "POST /v1/workers/:worker/pool-grow": {
    path: `/v1/workers/${WORKER}/pool-grow`,
    target: WORKER,
  },
  "POST /v1/workers/:worker/pool-shrink": {
    path: `/v1/workers/${WORKER}/pool-shrink`,
    target: WORKER,
  },
  "PUT /v1/queues/:queue/pause": {
    path: "/v1/queues/celeriac.default/pause",
    target: "queue:celeriac.default",
  },
  "DELETE /v1/queues/:queue/pause": {
    path: "/v1/queues/celeriac.text/pause",
    target: "queue:celeriac.text",
  },
  "PUT /v1/tasks/:task/pause": { path: "/v1/tasks/add/pause", target: "task:add" },
  "DELETE /v1/tasks/:task/pause": { path: "/v1/tasks/ping/pause", target: "task:ping" },
  "POST /v1/dead-letters:redrive": {
    path: "/v1/dead-letters:redrive",
    body: { filter: { task: "add" } },
    target: null,
  },
  "POST /v1/dead-letters:purge": {
    path: "/v1/dead-letters:purge",
    body: { filter: { task: "add" } },
    target: null,
  },
  "POST /tasks/:task/cancel": { path: "/tasks/waiting/cancel", target: "waiting" },
  "POST /tasks/:task/terminate": { path: "/tasks/waiting/terminate", target: "waiting" },
  "POST /tasks/:task/retry": { path: "/tasks/waiting/retry", target: "waiting" },
  "POST /tasks:revoke": { path: "/tasks:revoke", form: { until: UNTIL }, target: null },
  "POST /tasks:retry": { path: "/tasks:retry", form: { until: UNTIL }, target: null },
  "POST /jobs/:job/stop": { path: `/jobs/${JOB}/stop`, target: JOB },
  "POST /pauses": {
    path: "/pauses",
    form: { target: "queue:celeriac.default" },
    target: "queue:celeriac.default",
  },
  "POST /pauses/:scope/:name/resume": {
    path: "/pauses/task/ping/resume",
    form: {},
    target: "task:ping",
  },
  "POST /workers/:worker/shutdown": { path: `/workers/${WORKER}/shutdown`, target: WORKER },
  "POST /workers/:worker/pool": {
    path: `/workers/${WORKER}/pool`,
    form: { command: "pool_grow", slots: "1" },
    target: WORKER,
  },
  "POST /dead-letters:redrive": {
    path: "/dead-letters:redrive",
    form: { task: "add" },
    target: null,
  },
  "POST /dead-letters:purge": { path: "/dead-letters:purge", form: { task: "add" }, target: null },
};

/** A running bulk job, in memory. */
async function someJobs(): Promise<MemoryBulk> {
  const bulk = new MemoryBulk();
  const job = { id: JOB, action: "retry", terminate: false, filter: {}, matched: 0 } as const;
  await bulk.store.add({ ...job, frozenAt: new Date(UNTIL), caller: ROOT });
  return bulk;
}

/** A paused queue and a paused task, in memory. */
async function somePauses(): Promise<MemoryPauses> {
  const pauses = new MemoryPauses();
  const by = { reason: null, by: "root" };
  await pauses.store.pause({ scope: "queue", name: "celeriac.text" }, by);
  await pauses.store.pause({ scope: "task", name: "ping" }, by);
  return pauses;
}

/** Covered by `keys_test.ts`, and for the page by `page/stored_test.ts`. */
const IN_DATABASE = /^\w+ (\/v1)?\/(keys|schedules|subscriptions)\b/;

Deno.test("every route that changes something is tested for its audit entry", () => {
  const changing = Object.entries(ROUTE_SCOPES).filter(([route, required]) =>
    !route.startsWith("GET ") && required !== "open" && changes(required) &&
    !required.includes("tasks:submit") && !required.includes("events:publish")
  ).map(([route]) => route);
  assertEquals(changing.filter((route) => !IN_DATABASE.test(route)), Object.keys(CHANGES));
});

for (const [route, change] of Object.entries(CHANGES)) {
  const { path, target } = change;
  Deno.test(`${route} leaves an audit entry with its outcome`, async () => {
    await using fixture = await keyedFixture([], {
      pauses: await somePauses(),
      bulk: await someJobs(),
    });
    fixture.records.put({ id: "waiting", name: "ping" });
    await using _worker = await startWorker(fixture, WORKER);
    const [method = ""] = route.split(" ");
    const answer = await fixture.app.request(path, {
      method,
      ...contentOf(change),
    }, { remoteAddr: { hostname: "192.0.2.1" } });
    await answer.body?.cancel();
    const [entry, ...more] = fixture.audit.entries;
    assertEquals(more, []);
    assertEquals([entry!.caller, entry!.method, entry!.path, entry!.target, entry!.status], [
      "root",
      method,
      path,
      target,
      answer.status,
    ]);
    assertEquals(entry!.action, ROUTE_SCOPES[route]![0]);
    assertEquals(entry!.address, "192.0.2.1");
    assertEquals(entry!.requestId, answer.headers.get("x-request-id"));
  });

  Deno.test(`${route} changes nothing if the audit log cannot be written`, async () => {
    const audit = new MemoryAudit();
    audit.begin = () => Promise.reject(new DatabaseUnavailable("Cannot reach the database"));
    const pauses = await somePauses();
    const bulk = await someJobs();
    await using fixture = await keyedFixture([], { access: { audit }, pauses, bulk });
    fixture.records.put({ id: "waiting", name: "ping" });
    const received: [method: string, given: Record<string, unknown>][] = [];
    await using _worker = await startWorker(fixture, WORKER, undefined, received);
    const answer = await fixture.app.request(path, {
      method: route.split(" ")[0]!,
      ...contentOf(change),
    });
    assertEquals([answer.status, (await answer.json()).type], [503, "/problems/unavailable"]);
    assertEquals(fixture.records.records.get("waiting")?.state, "PENDING");
    assertEquals([pauses.all.size, pauses.resumes], [2, 0]);
    assertEquals([...bulk.all.values()].map(({ endedAt }) => endedAt), [null]);
    assertEquals(received.filter(([method]) => method !== "ping"), []);
  });
}

Deno.test("dry runs, invalid requests and reads leave no entry", async () => {
  const { fixture, send } = await fixtureFor({ scopes: ["tasks:read", "dead-letters:*"] });
  await using _fixture = fixture;
  fixture.records.put({ id: "waiting", name: "ping" });
  const requests: [path: string, method: string, body?: object][] = [
    ["/v1/dead-letters:purge", "POST", { filter: {}, dry_run: true }],
    ["/v1/dead-letters:purge", "POST", { filter: { raeson: "x" } }],
    ["/v1/tasks/waiting", "GET"],
  ];
  for (const [path, method, body] of requests) {
    const answer = await send(path, { method, ...(body && { body: JSON.stringify(body) }) });
    await answer.body?.cancel();
  }
  assertEquals(fixture.audit.entries, []);
});

Deno.test("refused calls are counted per caller, scope, status and address", async () => {
  const reader = testKey({ scopes: ["tasks:read"], requestsPerMinute: 2 });
  const limited = testKey({ scopes: ["tasks:submit"], tasks: ["text.*"] });
  const revoked = testKey({ revokedAt: new Date() });
  await using fixture = await keyedFixture([reader, limited, revoked]);
  const send = async (path: string, method: string, token?: string, body?: object) => {
    const answer = await fixture.app.request(path, {
      method,
      headers: { ...(token && bearer(token)), "content-type": "application/json" },
      ...(body && { body: JSON.stringify(body) }),
    }, { remoteAddr: { hostname: "192.0.2.1" } });
    await answer.body?.cancel();
    return answer.status;
  };
  const statuses = [
    await send("/v1/tasks/a", "DELETE"),
    await send("/v1/tasks/a", "DELETE", revoked.token),
    await send("/v1/tasks/a", "DELETE", reader.token),
    await send("/v1/tasks/a", "DELETE", reader.token),
    await send("/v1/tasks", "GET", reader.token),
    await send("/v1/tasks/ping", "POST", limited.token, {}),
    await send("/v1/tasks:batch", "POST", limited.token, [{ name: "ping" }, { name: "ping" }]),
    await send("/v1/nowhere", "GET"),
  ];
  assertEquals(statuses, [401, 401, 403, 403, 429, 403, 200, 401]);
  await fixture.counter.flush();
  const rows = fixture.audit.counted.map(({ caller, action, status, address, count }) => [
    caller,
    action,
    status,
    address,
    count,
  ]);
  const from = "192.0.2.1";
  assertEquals(rows, [
    ["unauthenticated", "tasks:cancel", 401, from, 1],
    [`key:${revoked.key.id}`, "tasks:cancel", 401, from, 1],
    [`key:${reader.key.id}`, "tasks:cancel", 403, from, 2],
    [`key:${reader.key.id}`, "tasks:read", 429, from, 1],
    [`key:${limited.key.id}`, "tasks:submit", 403, from, 3],
    ["unauthenticated", "unknown-route", 401, from, 1],
  ]);
  assertEquals(fixture.audit.entries, []);
});

Deno.test("AuditCounter bounds the rows of refused calls from many addresses", async () => {
  const audit = new MemoryAudit();
  const counter = new AuditCounter({ audit });
  for (let index = 0; index < 6000; index++) {
    counter.refuse({ caller: NOBODY, action: "a", status: 401, address: `address ${index}` });
  }
  await counter.flush();
  assertEquals(audit.counted.length, 5001);
  assertEquals(audit.counted.at(-1)!.count, 1000);
});

Deno.test("X-Request-Id is kept if it is short and plain", async () => {
  await using fixture = await keyedFixture([]);
  const idFor = async (given: string) => {
    fixture.records.put({ id: "waiting", name: "ping", state: "PENDING" });
    const headers = { ...bearer(ROOT_TOKEN), "x-request-id": given };
    const answer = await fixture.app.request("/v1/tasks/waiting", { method: "DELETE", headers });
    await answer.body?.cancel();
    return answer.headers.get("x-request-id")!;
  };
  assertEquals(await idFor("trace:7.a-b_c"), "trace:7.a-b_c");
  for (const given of ["<script>", "a b", "x".repeat(101)]) {
    assertEquals(/^[0-9a-f-]{36}$/.test(await idFor(given)), true, given);
  }
});

Deno.test("AuditCounter adds one row per caller and task, and keeps counts that it cannot write", async () => {
  const audit = new MemoryAudit();
  const write = audit.addCounts.bind(audit);
  const counter = new AuditCounter({ audit });
  counter.add(ROOT, "a");
  counter.add(ROOT, "a");
  counter.add(EVERYONE, "a");
  audit.addCounts = () => Promise.reject(new DatabaseUnavailable("away"));
  await counter.flush().catch(() => {});
  counter.add(ROOT, "a");
  counter.add(ROOT, "b");
  audit.addCounts = write;
  await counter.flush();
  await counter.flush();
  counter.add(ROOT, "b"); // as the last one, which is written already
  await counter.flush();
  const rows = audit.counted.map(({ caller, target, count }) => `${caller} ${target} ${count}`)
    .sort();
  assertEquals(rows, ["open a 1", "root a 3", "root b 1", "root b 1"]);
});

Deno.test("submissions are counted however they arrive, and refused ones are not", async () => {
  await using fixture = await keyedFixture([]);
  const headers = bearer(ROOT_TOKEN);
  const bodies: [path: string, body: unknown][] = [
    ["/v1/tasks/ping", {}],
    ["/v1/tasks", { name: "ping" }],
    ["/v1/tasks:batch", [{ name: "ping" }, { name: "nobody" }, { name: "silent" }]],
    ["/v1/workflows", { group: [{ name: "ping" }, { name: "silent" }] }],
    ["/v1/tasks/ping", { kwargs: { stranger: 1 } }],
  ];
  for (const [path, body] of bodies) {
    await (await fixture.post(path, body, headers)).body?.cancel();
  }
  const { audit, counter } = fixture;
  await counter.flush();
  const rows = audit.counted.map(({ target, count, status }) => [target, count, status]);
  assertEquals(rows, [["ping", 4, null], ["silent", 2, null]]);
});
