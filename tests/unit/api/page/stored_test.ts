import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { AuditLog } from "../../../../api/access/audit_log.ts";
import { AuditCounter } from "../../../../api/access/audit_counter.ts";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import { KeyStore } from "../../../../api/access/key_store.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { DeadLetters } from "../../../../shared/dead_letters/store.ts";
import { EventContracts } from "../../../../shared/events/event_contracts.ts";
import { EventStore } from "../../../../shared/events/event_store.ts";
import { ReplayStore } from "../../../../shared/events/replay_store.ts";
import { SubscriptionStore } from "../../../../shared/events/subscription_store.ts";
import { Outbox } from "../../../../shared/outbox/outbox.ts";
import { resultStore } from "../../../../shared/results/open_store.ts";
import { ScheduleStore } from "../../../../shared/schedules/store.ts";
import type { PgliteDatabase } from "../../../../shared/database/pglite.ts";
import { migratedPglite } from "../../../support/migrated.ts";
import { keyedFixture, ROOT_TOKEN } from "../access/keys.ts";

/** An API whose keys, schedules, letters and audit log are in a database, and its page as the operator's browser. */
async function storedFixture(database: PgliteDatabase) {
  const keys = new KeyStore({ database });
  const audit = new AuditLog({ database });
  const schedules = new ScheduleStore({ database });
  const events = new EventStore({ database });
  const subscriptions = new SubscriptionStore({ database });
  const store = resultStore("native", database);
  const deadLetters = new DeadLetters({
    database,
    outbox: new Outbox({ database }),
    store,
    clock: SYSTEM_CLOCK,
  });
  const fixture = await keyedFixture([], {
    access: {
      keys,
      snapshot: new KeySnapshot({ store: keys, clock: SYSTEM_CLOCK }),
      audit,
      counter: new AuditCounter({ audit }),
    },
    schedules,
    deadLetters,
    events: {
      contracts: new EventContracts(),
      publisher: { publish: () => Promise.reject(new Error("not used")) },
      subscriptions: { of: () => Promise.resolve([]) },
      store: events,
    },
    subscriptions: {
      store: subscriptions,
      replays: new ReplayStore({ database }),
      defined: [],
    },
  });
  const browse = (token: string) => {
    const headers = { accept: "text/html", cookie: `celeriac=${token}` };
    return {
      get: async (path: string) => await (await fixture.app.request(path, { headers })).text(),
      post: async (path: string, fields: Record<string, string> = {}) => {
        const answer = await fixture.app.request(path, {
          method: "POST",
          body: new URLSearchParams(fields),
          headers: { ...headers, "sec-fetch-site": "same-origin" },
        });
        return {
          status: answer.status,
          location: answer.headers.get("location"),
          text: await answer.text(),
        };
      },
    };
  };
  return { fixture, schedules, deadLetters, events, subscriptions, audit, browse };
}

/** The letter of a task that no worker knew. */
function letter(id: string, task: string) {
  return {
    id,
    taskId: `task-of-${task}`,
    task,
    retries: 0,
    queue: "celeriac.default",
    reason: "unknown-task",
    detail: "no handler <b>",
    worker: "w1@host",
    diedAt: new Date("2026-11-30T09:00:00Z"),
    message: {
      exchange: "celeriac",
      routingKey: "celeriac.default",
      properties: { contentType: "application/json" },
      headers: { id: `task-of-${task}`, task },
      body: new TextEncoder().encode('[[12345678901234567890],{},{"chain":null}]'),
    },
  };
}

Deno.test("the pages of schedules, dead letters, keys and the audit log", async (t) => {
  await using owned = await migratedPglite();
  const { database } = owned;
  const { fixture, schedules, deadLetters, events, subscriptions, audit, browse } =
    await storedFixture(database);
  await using _fixture = fixture;
  const { get, post } = browse(ROOT_TOKEN);
  const actions = async () =>
    (await audit.list({}, { limit: 100 })).map((
      { path, target, status },
    ) => [path, target, status]);

  await t.step("each page has an empty state with the next step", async () => {
    assertStringIncludes(await get("/schedules"), "deno task beat");
    assertStringIncludes(await get("/schedules"), "schedules add");
    assertStringIncludes(await get("/dead-letters"), "No dead letters");
    assertStringIncludes(await get("/keys"), "No keys yet.");
    assertStringIncludes(await get("/audit"), "No entries.");
  });

  await t.step("a schedule is shown, paused, resumed, run now and removed", async () => {
    await schedules.add({
      name: "nightly/report",
      signature: { task: "ping", args: [12345678901234567890n], kwargs: {}, options: {} },
      cron: "0 3 * * *",
      timezone: "Asia/Seoul",
      every: null,
      missed: "skip",
    });
    const path = "/schedules/nightly%2Freport";
    assertStringIncludes(await get("/schedules"), `href="${path}"`);
    const page = await get(path);
    assertStringIncludes(page, "0 3 * * *");
    assertStringIncludes(page, "12345678901234567890");
    assertEquals([...page.matchAll(/03:00:00 GMT\+9/g)].length, 5);
    const paused = await post(`${path}/pause`);
    assertEquals(paused.location, `${path}?done=schedulePaused`);
    assertEquals((await schedules.find("nightly/report"))!.paused, true);
    assertStringIncludes(await get(path), `action="${path}/resume"`);
    await post(`${path}/resume`);
    assertEquals((await schedules.find("nightly/report"))!.paused, false);
    const [, press = ""] = /name="press" value="([^"]+)"/.exec(await get(path))!;
    const { location } = await post(`${path}/trigger`, { press });
    // A second press, such as a double click.
    assertEquals((await post(`${path}/trigger`, { press })).location, location);
    assert(/^\/tasks\/[\w-]+\?done=submitted$/.test(location!), location!);
    const [message, ...more] = await fixture.published();
    assertEquals(more, []);
    assertEquals(message!.headers["task"], "ping");
    const removed = await post(`${path}/remove`);
    assertEquals(removed.location, "/schedules?done=scheduleRemoved");
    assertEquals(await schedules.find("nightly/report"), undefined);
    assertEquals((await post(`${path}/remove`)).status, 404);
    assertEquals((await actions()).map(([path]) => path), [
      `${path}/remove`,
      `${path}/trigger`,
      `${path}/trigger`,
      `${path}/resume`,
      `${path}/pause`,
    ]);
  });

  await t.step("letters are filtered, shown, sent again and deleted", async () => {
    const id = "01890000-0000-7000-8000-000000000001";
    await deadLetters.add([letter(id, "add"), letter(id.replace(/1$/, "2"), "ping")]);
    const all = await get("/dead-letters");
    assertStringIncludes(all, "2 letters match.");
    const some = await get("/dead-letters?task=add&reason=&queue=");
    assertStringIncludes(some, "1 letter matches.");
    assertStringIncludes(some, '<input type="hidden" name="task" value="add">');
    assert(!some.includes("task-of-ping"));
    assertStringIncludes(await get("/dead-letters?task=nothing"), "No dead letter matches");
    const page = await get(`/dead-letters/${id}`);
    assertStringIncludes(page, "12345678901234567890");
    assertStringIncludes(page, "no handler &lt;b&gt;");
    // A key that is limited to some tasks must name them.
    assertStringIncludes(page, '<input type="hidden" name="task" value="add">');
    assertStringIncludes(page, '<input type="hidden" name="queue" value="celeriac.default">');
    const purged = await post("/dead-letters:purge", { task: "add", reason: "" });
    assertEquals(purged.location, "/dead-letters?done=lettersPurged");
    assertEquals(await deadLetters.count(), 1);
    const early = await post("/dead-letters:redrive", { until: "2000-01-01T00:00:00Z" });
    assertEquals([early.status, await deadLetters.count()], [303, 1]);
    const mistyped = await post("/dead-letters:purge", { tsak: "add" });
    assertEquals([mistyped.status, await deadLetters.count()], [422, 1]);
    const wrong = await post("/dead-letters:redrive", { since: "yesterday" });
    assertEquals([wrong.status, await deadLetters.count()], [422, 1]);
    await post("/dead-letters:redrive", { task: "ping" });
    assertEquals(await deadLetters.count(), 0);
  });

  await t.step("an event shows its data and its tasks", async () => {
    assertStringIncludes(await get("/events"), "No events yet.");
    const key = "01890000-0000-8000-8000-000000000001";
    await events.record([{
      key,
      event: {
        specversion: "1.0",
        id: "1",
        source: "/shop",
        type: "orders.paid",
        time: "2016-12-31T23:59:60Z",
        data: { order: 12345678901234567890n, note: "<b>" },
        tenant: "acme",
      },
      tasks: { mail: "task-of-event" },
    }]);
    assertStringIncludes(await get("/events?type="), `href="/events/${key}"`);
    assertStringIncludes(await get("/events?type=prices.set"), "No event has this type.");
    const page = await get(`/events/${key}`);
    for (const text of ["12345678901234567890", "&lt;b&gt;", "acme", "23:59:60Z"]) {
      assertStringIncludes(page, text);
    }
    assertStringIncludes(page, 'href="/tasks/task-of-event"');
    assertStringIncludes(await get("/events/unknown"), "Cannot find event");
  });

  await t.step("a subscription is shown, paused, resumed and removed", async () => {
    assertStringIncludes(await get("/subscriptions"), "No subscriptions yet.");
    await subscriptions.add({
      name: "mail/paid",
      patterns: ["orders.*"],
      where: { tenant: "acme" },
      match: "all",
      deliver: { task: "ping", queue: "celeriac.default", args: { event: "" } },
    });
    const path = "/subscriptions/mail%2Fpaid";
    assertStringIncludes(await get("/subscriptions"), `href="${path}"`);
    assertStringIncludes(await get(path), "orders.*");
    assertEquals((await post(`${path}/pause`)).location, `${path}?done=subscriptionPaused`);
    assert((await subscriptions.find("mail/paid"))!.pausedAt);
    await post(`${path}/resume`);
    assertEquals((await subscriptions.find("mail/paid"))!.pausedAt, null);
    const replays = new ReplayStore({ database });
    const replay = { subscription: "mail/paid", since: null, until: null, types: [] };
    const id = crypto.randomUUID();
    await replays.add({ id, ...replay, rate: 1, again: false });
    assert(!(await get(path)).includes("A replay failed"));
    await replays.postpone(id, { seconds: 1, error: "Cannot send <b>" });
    assertStringIncludes(await get(path), "A replay failed once");
    assertStringIncludes(await get(path), "Cannot send &lt;b&gt;");
    await post(`${path}/remove`);
    assertEquals(await subscriptions.find("mail/paid"), undefined);
    assertEquals((await actions()).slice(0, 3).map(([path]) => path), [
      `${path}/remove`,
      `${path}/resume`,
      `${path}/pause`,
    ]);
  });

  await t.step("a key is created, shown once, rotated and revoked", async () => {
    const created = await post("/keys", {
      name: "<shop>",
      scopes: "tasks:read\r\ntasks:cancel\r\n",
      tasks: "",
      days: "7",
    });
    assertEquals(created.status, 201);
    const [token = ""] = /celk_\w+/.exec(created.text) ?? [];
    const id = token.slice(5, 17);
    const list = await get("/keys");
    assertStringIncludes(list, "&lt;shop&gt;");
    assert(!list.includes(token));
    const shop = browse(token);
    assertStringIncludes(await shop.get("/tasks"), "Signed in as &lt;shop&gt;");
    assertStringIncludes(await shop.get("/keys"), "keys:read");
    const rotated = await post(`/keys/${id}/rotate`);
    assertEquals(rotated.status, 201);
    assertStringIncludes(await get("/keys"), "rotated to");
    const revoked = await post(`/keys/${id}/revoke`);
    assertEquals(revoked.location, "/keys?done=keyRevoked");
    assertEquals((await post(`/keys/${id}/rotate`)).status, 409);

    // a second press of a button without scripts: the browser shows its response only
    const [, form = ""] = /name="id" value="(\w{12})"/.exec(await get("/keys")) ?? [];
    const twice = { id: form, name: "twice", scopes: "tasks:read" };
    assertEquals((await post("/keys", twice)).status, 201);
    const second = await post("/keys", twice);
    assertEquals(second.status, 409);
    assertStringIncludes(second.text, "rotate it for a token");
    assertEquals((await get("/keys")).split(">twice<").length, 2);
    assertEquals((await post("/keys", { ...twice, id })).status, 409);
    const wrong = await post("/keys", { name: "x", scopes: "tasks:fly" });
    assertEquals(wrong.status, 422);
    assertEquals((await post("/keys", { ...twice, id: "short" })).status, 422);
    const gone = await fixture.app.request("/tasks", {
      headers: { accept: "text/html", cookie: `celeriac=${token}` },
    });
    assertEquals(gone.headers.get("location"), "/sign-in?next=%2Ftasks");
  });

  await t.step("the audit log is filtered by its links", async () => {
    const all = await get("/audit");
    assertStringIncludes(all, 'href="/audit?action=keys%3Awrite"');
    const keys = await get("/audit?action=keys%3Awrite&caller=");
    assert(!keys.includes("schedules:write"));
    assertStringIncludes(await get("/audit?action=none"), "No entries.");
  });
});
