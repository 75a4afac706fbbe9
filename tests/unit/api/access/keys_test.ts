import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AuditLog } from "../../../../api/access/audit_log.ts";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import { KeyStore } from "../../../../api/access/key_store.ts";
import { AuditCounter } from "../../../../api/access/audit_counter.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { ScheduleStore } from "../../../../shared/schedules/store.ts";
import { ReplayStore } from "../../../../shared/events/replay_store.ts";
import { SubscriptionStore } from "../../../../shared/events/subscription_store.ts";
import type { PgliteDatabase } from "../../../../shared/database/pglite.ts";
import { migratedPglite } from "../../../support/migrated.ts";
import { bearer, keyedFixture, ROOT_TOKEN } from "./keys.ts";

const DAY_MS = 86_400_000;

/** An API whose keys, audit log and schedules are in a database, and a function that calls it. */
async function storedFixture(database: PgliteDatabase) {
  const keys = new KeyStore({ database });
  const audit = new AuditLog({ database });
  const snapshot = new KeySnapshot({ store: keys, clock: SYSTEM_CLOCK });
  const counter = new AuditCounter({ audit });
  const fixture = await keyedFixture([], {
    access: { keys, snapshot, audit, counter },
    schedules: new ScheduleStore({ database }),
    subscriptions: {
      store: new SubscriptionStore({ database }),
      replays: new ReplayStore({ database }),
      defined: [],
    },
  });
  const call = async (
    method: string,
    path: string,
    { token = ROOT_TOKEN, body }: { token?: string; body?: unknown } = {},
  ) => {
    const answer = await fixture.app.request(path, {
      method,
      headers: {
        ...bearer(token),
        "x-request-id": "request-1",
        ...(body !== undefined && { "content-type": "application/json" }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    return { status: answer.status, headers: answer.headers, body: text && JSON.parse(text) };
  };
  return { fixture, keys, snapshot, counter, call };
}

Deno.test("keys, rotation, revocation and the audit log in a database", async (t) => {
  await using owned = await migratedPglite();
  const { database } = owned;
  const { fixture, keys, counter, call } = await storedFixture(database);
  await using _fixture = fixture;
  const create = async (body: object, token?: string) =>
    await call("POST", "/v1/keys", { body, ...(token !== undefined && { token }) });
  const audited = async (query = "") =>
    (await call("GET", `/v1/audit${query}`)).body.entries as Record<string, unknown>[];

  await t.step("a created key works at once, and its token is stored nowhere", async () => {
    const { status, headers, body } = await create({ name: "shop", scopes: ["tasks:submit"] });
    assertEquals([status, headers.get("location")], [201, `/v1/keys/${body.id}`]);
    assertEquals([body.created_by, body.tasks, body.queues], ["root", ["*"], ["*"]]);
    const life = new Date(body.expires_at).getTime() - Date.now();
    assert(Math.abs(life - 90 * DAY_MS) < 60_000, body.expires_at);
    const used = await call("POST", "/v1/tasks/ping", { token: body.token });
    assertEquals(used.status, 202);
    const [row] = await database.query<{ text: string }>(
      "select row_to_json(k)::text as text from celeriac.access_key k where id = $1",
      [body.id],
    );
    assert(!row!.text.includes(body.token.slice(-38, -6)));
    const shown = await call("GET", `/v1/keys/${body.id}`);
    assertEquals("token" in shown.body, false);
  });

  await t.step("the list has pages, oldest first", async () => {
    for (let index = 0; index < 4; index++) {
      await create({ name: `n${index}`, scopes: ["tasks:read"] });
    }
    const names: string[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await call("GET", `/v1/keys?limit=2&cursor=${cursor}`);
      names.push(...body.keys.map(({ name }: { name: string }) => name));
      cursor = body.next;
    }
    assertEquals(names, ["shop", "n0", "n1", "n2", "n3"]);
  });

  await t.step("impossible ids are unknown, and impossible cursors are invalid", async () => {
    for (const path of ["keys/a%00b", "subscriptions/a%00b", "schedules/a%00b"]) {
      assertEquals((await call("GET", `/v1/${path}`)).status, 404, path);
    }
    for (const list of ["keys", "subscriptions", "schedules"]) {
      assertEquals((await call("GET", `/v1/${list}?cursor=a%00b`)).status, 422, list);
    }
  });

  await t.step("invalid fields are named", async () => {
    const { status, body } = await create({ name: "", scopes: ["task:submit"], task: ["*"] });
    assertEquals(status, 422);
    const fields = body.errors.map(({ field }: { field: string }) => field).sort();
    assertEquals(fields, ["name", "scopes.0", "task"]);
  });

  await t.step("a key creates only keys with at most its rights", async () => {
    const { body: admin } = await create({
      name: "admin",
      scopes: ["keys:*", "tasks:*"],
      tasks: ["text.*"],
      requests_per_minute: 100,
      expires_in: 3600,
    });
    const cases: [body: object, field: string][] = [
      [{ scopes: ["*"] }, "scopes"],
      [{ scopes: ["metrics:read"] }, "scopes"],
      [{ scopes: ["tasks:read"], tasks: ["*"] }, "tasks"],
      [{ scopes: ["tasks:read"], expires_in: 7200 }, "expiry"],
      [{ scopes: ["tasks:read"], expires_in: null }, "expiry"],
      [{ scopes: ["tasks:read"], requests_per_minute: null }, "requests_per_minute"],
    ];
    for (const [change, field] of cases) {
      const { status, body } = await create({ name: "wide", ...change }, admin.token);
      assertEquals([status, body.type], [403, "/problems/forbidden"], JSON.stringify(change));
      assertStringIncludes(body.detail, `reduce its ${field}`);
    }
    const { status, body } = await create({ name: "narrow", scopes: ["tasks:read"] }, admin.token);
    assertEquals([status, body.tasks, body.requests_per_minute, body.created_by], [
      201,
      ["text.*"],
      100,
      `key:${admin.id}`,
    ]);
    assertEquals(body.expires_at, admin.expires_at);
    const { body: wide } = await create({ name: "wide", scopes: ["tasks:read"] });
    for (const [method, path] of [["POST", "/rotate"], ["DELETE", ""]] as const) {
      const refused = await call(method, `/v1/keys/${wide.id}${path}`, { token: admin.token });
      assertEquals(refused.status, 403, `${method} ${path}`);
    }
  });

  await t.step("a rotated key and its successor both work during the grace", async () => {
    const { body: old } = await create({
      name: "app",
      scopes: ["tasks:read"],
      tasks: ["a.*"],
      expires_in: null,
    });
    const rotated = await call("POST", `/v1/keys/${old.id}/rotate`, { body: { grace: 3600 } });
    assertEquals([rotated.status, rotated.body.name, rotated.body.tasks], [201, "app", ["a.*"]]);
    for (const { token } of [old, rotated.body]) {
      assertEquals((await call("GET", "/v1/tasks", { token })).status, 200);
    }
    const { body: after } = await call("GET", `/v1/keys/${old.id}`);
    assertEquals(after.successor, rotated.body.id);
    const left = new Date(after.expires_at).getTime() - Date.now();
    assert(left > 3_500_000 && left <= 3_601_000, after.expires_at);
    const again = await call("POST", `/v1/keys/${old.id}/rotate`);
    assertEquals([again.status, again.body.type], [409, "/problems/key-ended"]);
    const ended = await call("POST", `/v1/keys/${rotated.body.id}/rotate`, { body: { grace: 0 } });
    assertEquals(ended.status, 201);
    const refused = await call("GET", "/v1/tasks", { token: rotated.body.token });
    assertEquals(refused.status, 401);
    assertStringIncludes(refused.body.detail, "was rotated");
  });

  await t.step("a rotation does not extend the life of the old key", async () => {
    const { body: old } = await create({ name: "a", scopes: ["tasks:read"], expires_in: 60 });
    await call("POST", `/v1/keys/${old.id}/rotate`, { body: { grace: 3600 } });
    assertEquals((await keys.find(old.id))?.expiresAt?.toISOString(), old.expires_at);
  });

  await t.step("a revoked key is refused at once, and revoking again changes nothing", async () => {
    const { body: key } = await create({ name: "gone", scopes: ["tasks:read"] });
    const { body: first } = await call("DELETE", `/v1/keys/${key.id}`);
    const refused = await call("GET", "/v1/tasks", { token: key.token });
    assertEquals(refused.status, 401);
    assertStringIncludes(refused.body.detail, "'gone' was revoked");
    const { status, body: second } = await call("DELETE", `/v1/keys/${key.id}`);
    assertEquals([status, second.revoked_at], [200, first.revoked_at]);
    assertEquals((await call("DELETE", "/v1/keys/unknown")).status, 404);
  });

  await t.step("a change has an audit entry with caller, request and outcome", async () => {
    const { body: key } = await create({ name: "audited", scopes: ["keys:*", "tasks:*"] });
    await call("DELETE", `/v1/keys/${key.id}`, { token: key.token });
    const [entry] = await audited(`?target=${key.id}`);
    assertEquals(
      [entry!["caller"], entry!["caller_name"], entry!["action"], entry!["status"]],
      [`key:${key.id}`, "audited", "keys:write", 200],
    );
    assertEquals([entry!["method"], entry!["path"], entry!["request_id"]], [
      "DELETE",
      `/v1/keys/${key.id}`,
      "request-1",
    ]);
    const entries = await audited("?caller=root&action=keys:write&limit=1000");
    assert(entries.length > 5);
    assertEquals(JSON.stringify(entries).includes(key.token), false);
  });

  await t.step("schedules: each change has an entry, and reads have none", async () => {
    const before = (await audited("?limit=1000")).length;
    const schedule = { name: "s", task: "ping", every: 3600 };
    const calls: [method: string, path: string, body?: unknown][] = [
      ["POST", "/v1/schedules", schedule],
      ["POST", "/v1/schedules/s/pause"],
      ["POST", "/v1/schedules/s/resume"],
      ["POST", "/v1/schedules/s/trigger"],
      ["GET", "/v1/schedules/s"],
      ["GET", "/v1/schedules"],
      ["DELETE", "/v1/schedules/s"],
    ];
    for (const [method, path, body] of calls) {
      const { status } = await call(method, path, body === undefined ? {} : { body });
      assert(status < 300, `${method} ${path}: ${status}`);
    }
    const entries = (await audited("?target=s")).map(({ path, status }) => `${path} ${status}`);
    assertEquals(entries, [
      "/v1/schedules/s 204",
      "/v1/schedules/s/trigger 202",
      "/v1/schedules/s/resume 200",
      "/v1/schedules/s/pause 200",
      "/v1/schedules 201",
    ]);
    assertEquals((await audited("?limit=1000")).length, before + 5);
  });

  await t.step(
    "subscriptions: each change has an entry, and reads and refusals have none",
    async () => {
      const subscriptions = new SubscriptionStore({ database });
      const where = { patterns: ["#"], where: {}, match: "all" } as const;
      const deliver = { task: "ping", queue: "celeriac.default", args: {} };
      await subscriptions.sync([{ ...where, name: "old", deliver }]);
      const change = { patterns: ["a.#"], task: "ping", args: {} };
      const calls: [method: string, path: string, status: number, body?: unknown][] = [
        ["POST", "", 201, { name: "u", ...change }],
        ["PUT", "/u", 200, change],
        ["PUT", "/old", 409, change],
        ["POST", "/u/pause", 200],
        ["POST", "/u/resume", 200],
        ["POST", "/u/replay", 202],
        ["POST", "/u/replay", 422, { rate: 0 }],
        ["GET", "/u", 200],
        ["GET", "", 200],
        ["DELETE", "/u", 204],
        ["DELETE", "/old", 409],
        ["POST", ":prune", 200, { dry_run: true }],
        ["POST", ":prune", 200],
      ];
      for (const [method, path, status, body] of calls) {
        const url = `/v1/subscriptions${path}`;
        const answer = await call(method, url, body === undefined ? {} : { body });
        assertEquals(answer.status, status, `${method} ${url}`);
      }
      const entries = (await audited("?action=subscriptions:write")).map((entry) =>
        `${entry["method"]} ${entry["path"]} ${entry["status"]}`
      );
      assertEquals(entries, [
        "POST /v1/subscriptions:prune 200",
        "DELETE /v1/subscriptions/u 204",
        "POST /v1/subscriptions/u/replay 202",
        "POST /v1/subscriptions/u/resume 200",
        "POST /v1/subscriptions/u/pause 200",
        "PUT /v1/subscriptions/u 200",
        "POST /v1/subscriptions 201",
      ]);
    },
  );

  await t.step("a key sees and changes only subscriptions to its tasks", async () => {
    const scopes = ["subscriptions:read", "subscriptions:write"];
    const { token } = (await create({ name: "pings", scopes, tasks: ["ping"] })).body;
    const as = (method: string, path: string, body?: unknown) =>
      call(method, `/v1/subscriptions${path}`, { token, ...(body !== undefined && { body }) });
    const subscriptions = new SubscriptionStore({ database });
    const hidden = { task: "add", queue: "celeriac.default", args: {} };
    const all = { patterns: ["#"], where: {}, match: "all" } as const;
    await subscriptions.sync([{ ...all, name: "hidden", deliver: hidden }]);
    const mine = { name: "mine", patterns: ["#"], task: "ping", args: {} };
    const other = { name: "other", patterns: ["#"], task: "add", args: { x: "/x", y: "/y" } };
    assertEquals((await as("POST", "", mine)).status, 201);
    assertEquals((await as("POST", "", other)).status, 403);
    const { name: _, ...change } = other;
    assertEquals((await as("PUT", "/mine", change)).status, 403);
    const { subscriptions: seen } = (await as("GET", "")).body;
    assertEquals(seen.map(({ name }: { name: string }) => name), ["mine"]);
    for (const [method, path] of [["GET", ""], ["DELETE", ""], ["PUT", ""], ["POST", "/pause"]]) {
      assertEquals((await as(method!, `/hidden${path}`)).status, 404, `${method} ${path}`);
    }
    assertEquals((await as("POST", "/hidden/replay")).status, 404);
    assertEquals((await as("POST", ":prune")).body.removed, []);
    assertEquals((await call("POST", "/v1/subscriptions:prune")).body.removed, ["hidden"]);
  });

  await t.step("submissions are counted per caller and task", async () => {
    await counter.flush();
    const body = Array.from({ length: 7 }, () => ({ name: "silent" }));
    await call("POST", "/v1/tasks:batch", { body });
    await call("POST", "/v1/tasks/silent");
    await counter.flush();
    const [entry, ...more] = await audited("?action=tasks:submit&target=silent");
    assertEquals([entry!["count"], entry!["caller"], more.length], [8, "root", 0]);
  });

  await t.step("the log is listed in pages, newest first", async () => {
    const all = (await audited("?limit=1000")).map(({ id }) => id);
    const paged: unknown[] = [];
    let cursor: string | null = "";
    while (cursor !== null) {
      const { body } = await call("GET", `/v1/audit?limit=5${cursor && `&cursor=${cursor}`}`);
      paged.push(...body.entries.map(({ id }: { id: string }) => id));
      cursor = body.next;
    }
    assertEquals(paged, all);
  });

  await t.step("the last use is stored, and never goes back", async () => {
    const { body: key } = await create({ name: "used", scopes: ["tasks:read"] });
    const [early, late] = [new Date(1_000_000), new Date(2_000_000)];
    for (const at of [late, early]) await keys.touch(new Map([[key.id, at]]));
    assertEquals((await keys.find(key.id))?.lastUsedAt, late);
  });

  await t.step("expire_audit() deletes old entries with their outcomes", async () => {
    await database.query("update celeriac.audit set at = now() - interval '10 days' where id = 1");
    const [row] = await database.query<{ deleted: number }>(
      "select celeriac.expire_audit(interval '9 days', 100) as deleted",
    );
    const left = await database.query("select from celeriac.audit_outcome where audit_id = 1");
    assertEquals([row!.deleted, left.length], [1, 0]);
  });

  await t.step("expire_audit() keeps the entries of the last day", async () => {
    const [row] = await database.query<{ deleted: number; left: number }>(
      `select celeriac.expire_audit(interval '0', 100) as deleted,
        (select count(*)::int from celeriac.audit) as left`,
    );
    assertEquals([row!.deleted, row!.left > 0], [0, true]);
  });
});
