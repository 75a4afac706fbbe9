import { assertEquals, assertRejects } from "@std/assert";
import { v7 } from "uuid";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import type { Sql } from "../../../shared/database/database.ts";
import { migrate, pending } from "../../../shared/database/migrate.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";
import { Maintenance } from "../../../api/maintenance.ts";
import { readLetter } from "../../../shared/dead_letters/letter.ts";
import { DeadLetters } from "../../../shared/dead_letters/store.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { Idempotency } from "../../../shared/results/idempotency.ts";
import { prepareTask } from "../../../shared/outbox/prepared_task.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { RouteSync } from "../../../shared/outbox/route_sync.ts";
import { Holds } from "../../../workers/delivery/holds.ts";
import { WorkerLease } from "../../../workers/worker_lease.ts";
import { MessageLeases } from "../../../workers/delivery/message_leases.ts";
import { consumed, queues, started } from "../../support/broker_helpers.ts";
import { giveUpOf, relayOf } from "../../support/relay.ts";
import { freshDatabase } from "../../support/servers.ts";
import { entry, message, settlement, submission } from "../../support/settlements.ts";

const ROLES = await Deno.readTextFile(
  new URL("../../../infra/database-roles.sql", import.meta.url),
);

const UNSENDABLE = message({ headers: { id: "u", far: -(2n ** 60n) } });

interface Users extends AsyncDisposable {
  readonly admin: PostgresDatabase;
  readonly migrator: PostgresDatabase;
  readonly api: PostgresDatabase;
  readonly worker: PostgresDatabase;
  readonly beat: PostgresDatabase;
}

/** A database migrated by a user who is a member of celeriac_migrate, and users who are members of the others. */
async function users(): Promise<Users> {
  await using stack = new AsyncDisposableStack();
  const fixture = stack.use(await freshDatabase());
  const open = async (name?: string) => {
    const url = new URL(fixture.url);
    if (name) [url.username, url.password] = [name, "s3cret"];
    const database = stack.use(new PostgresDatabase({ url: url.href, max: 2 }));
    await database.start();
    return database;
  };
  const admin = await open();
  await admin.script(ROLES);
  await admin.script(ROLES);
  const member = async (role: string) => {
    const name = `test_${crypto.randomUUID().replaceAll("-", "")}`;
    await admin.script(`create role ${name} login password 's3cret' in role ${role}`);
    stack.defer(() => admin.script(`drop role ${name}`));
    return await open(name);
  };
  const migrator = await member("celeriac_migrate");
  await migrate(migrator);
  const api = await member("celeriac_api");
  const worker = await member("celeriac_worker");
  const beat = await member("celeriac_beat");
  const owned = stack.move();
  return { admin, migrator, api, worker, beat, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function forbidden(sql: Sql, statements: readonly string[]): Promise<void> {
  for (const statement of statements) {
    const error = await assertRejects(
      () => sql.query(statement),
      DatabaseRefused,
      undefined,
      statement,
    );
    assertEquals(error.code, "42501", `${statement}: ${error.message}`);
  }
}

Deno.test("celeriac_migrate owns the schema, whichever of its members migrates", async () => {
  await using fixture = await users();
  const { admin, migrator } = fixture;
  const owners = await admin.query(
    `select distinct pg_get_userbyid(relowner) as owner from pg_class where relnamespace = 'celeriac'::regnamespace
     union select distinct pg_get_userbyid(proowner) from pg_proc where pronamespace = 'celeriac'::regnamespace
     union select pg_get_userbyid(nspowner) from pg_namespace where nspname = 'celeriac'`,
  );
  assertEquals(owners, [{ owner: "celeriac_migrate" }]);
  assertEquals(await migrate(migrator), []);
  assertEquals(await migrate(admin), []);
});

Deno.test("celeriac_api can do what the API does, relay and upkeep included", async () => {
  await using fixture = await users();
  const { api, worker } = fixture;
  const store = new PostgresResultStore({ database: api });
  const outbox = new Outbox({ database: api });
  const keys = new Idempotency({ database: api });
  const id = v7();

  assertEquals(await pending(api), []);
  const submission = {
    name: "add",
    queue: "celeriac.default",
    argsRepr: "()",
    kwargsRepr: "{}",
    submittedAt: new Date(),
  };
  await store.submitted([{ ...submission, id }]);
  await store.submitted([{ ...submission, id }]);
  assertEquals((await store.find(id))?.state, "PENDING");
  assertEquals((await store.list({ name: "add" }, { limit: 5 })).records.length, 1);
  assertEquals(await store.revoke(id, "revoked"), { revoked: true, state: "PENDING" });
  assertEquals(await keys.begin("key", "hash", id), { id, fresh: true, published: false });
  await keys.published(["key"]);
  assertEquals(await keys.begin("key", "hash", "other"), { id, fresh: false, published: true });

  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.here"));
  const inbox = await consumed(broker, "celeriac.here");
  await outbox.add([
    entry("a", { message: message({ exchange: "", routingKey: "celeriac.here" }) }),
    entry("b", { message: message({ exchange: "", routingKey: "celeriac.nowhere" }) }),
    entry("u", { message: UNSENDABLE }),
    entry("c", { dueAt: new Date(Date.now() + 3_600_000) }),
  ]);
  // What a worker put there is the API's to publish.
  const retry = entry("d", {
    retries: 1,
    message: message({ exchange: "", routingKey: "celeriac.here" }),
  });
  await new PostgresResultStore({ database: worker }).settle([
    settlement({ id: "d", state: "RETRY", next: retry }),
  ]);
  await using relay = relayOf({ database: api, broker });
  await relay.start();
  await inbox.take(2);
  await relay.stop();
  assertEquals((await outbox.depth()).total, 2);
  assertEquals((await store.revoke("c", "revoked")).revoked, true);
  const [revoked] = await api.query<{ due: boolean }>(
    "select due_at <= now() as due from celeriac.outbox where task_id = 'c'",
  );
  assertEquals(revoked?.due, true);

  const letters = new DeadLetters({ database: api, outbox, store });
  await letters.add([readLetter(message()), readLetter(message({ headers: {} }))]);
  assertEquals((await letters.list({}, { limit: 5 })).letters.length, 3);
  assertEquals((await letters.redrive({ task: "add" }, { rate: 1, limit: 5 })).redriven, 1);
  assertEquals(await letters.purge({}), 2);

  await new Maintenance({ database: api }).run();

  for (const queue of ["celeriac.one", "celeriac.two"]) {
    const contract = defineTask({ name: "add", queue, input: z.object({}) });
    await new RouteSync({ database: api, registry: new Registry([contract]) }).run();
    assertEquals(await api.query("select task, queue from celeriac.route"), [
      { task: "add", queue },
    ]);
  }
});

Deno.test("celeriac_api is refused everything else", async () => {
  await using fixture = await users();
  await forbidden(fixture.api, [
    "insert into celeriac.task (id, state) values ('x', 'SUCCESS')",
    "insert into celeriac.task (id, result) values ('x', '1')",
    "update celeriac.task set state = 'SUCCESS'",
    "delete from celeriac.task",
    "truncate celeriac.task",
    "drop table celeriac.task",
    "select * from celeriac.task_default",
    "update celeriac.outbox set body = ''",
    "update celeriac.dead_letter set body = ''",
    "update celeriac.bulk_job set rights = '{}'",
    "update celeriac.bulk_job set filter = '{}'",
    "update celeriac.crash set runs = 0",
    "truncate celeriac.outbox",
    "delete from celeriac.idempotency",
    "delete from celeriac.route",
    "update celeriac.idempotency set task_id = 'other'",
    "delete from celeriac.migration",
    "insert into celeriac.audit (caller, action, at) values ('root', 'a', '2020-01-01')",
    "update celeriac.audit set caller = 'other'",
    "delete from celeriac.audit",
    "update celeriac.audit_outcome set status = 200",
    "update celeriac.access_key set scopes = '{*}'",
    "delete from celeriac.access_key",
    "create table celeriac.mine (n integer)",
    "create schema mine",
    "alter function celeriac.revoke(text, json) owner to current_user",
    "set role celeriac_migrate",
  ]);
});

Deno.test("celeriac_beat can relay, and give up what can never be sent", async () => {
  await using fixture = await users();
  const { admin, beat } = fixture;
  await using broker = new MemoryBroker();
  await started(broker, queues("celeriac.here"));
  const inbox = await consumed(broker, "celeriac.here");
  const outbox = new Outbox({ database: beat });
  const store = new PostgresResultStore({ database: beat });
  await store.submitted([submission({ id: "u" })]);
  const sendable = message({ exchange: "", routingKey: "celeriac.here" });
  await outbox.add([entry("u", { message: UNSENDABLE }), entry("a", { message: sendable })]);
  await using relay = relayOf({ database: beat, broker });
  await relay.start();
  await inbox.take(1);
  await relay.stop();
  assertEquals((await outbox.depth()).total, 0);
  const states = await new PostgresResultStore({ database: admin }).states(["u"]);
  assertEquals(states.get("u"), "FAILURE");
});

Deno.test("celeriac_api and celeriac_beat can end the chord of a message that is given up", async () => {
  await using fixture = await users();
  await using broker = new MemoryBroker();
  await broker.start();
  for (const database of [fixture.api, fixture.beat]) {
    const [id, group, body] = [v7(), v7(), v7()];
    await new NativeChords({ database }).open([{ id: group, members: [[[id, null], null]] }]);
    const sum = { task: "sum", args: [], kwargs: {}, options: { task_id: body } };
    const { entry: { message: given } } = prepareTask({
      task: "add",
      args: [],
      kwargs: {},
      options: { taskId: id, queue: "celeriac.here", group, chord: sum },
    }, { origin: "gen1@test", now: new Date() });
    const giveUp = giveUpOf({ database, broker });
    await giveUp({ message: given, taskId: id, retries: 0 }, new Error("no queue"));
    const states = await new PostgresResultStore({ database: fixture.admin }).states([id, body]);
    assertEquals([states.get(id), states.get(body)], ["FAILURE", "FAILURE"]);
  }
});

Deno.test("celeriac_worker can do what the worker does", async () => {
  await using fixture = await users();
  const { worker: database } = fixture;
  const store = new PostgresResultStore({ database });
  const id = v7();
  assertEquals(await pending(database), []);
  const holds = new Holds({ database, node: "worker@test" });
  await using lease = new WorkerLease({ database, node: "worker@test", holds });
  await lease.start();
  const delivery = { id, round: 0, redelivered: false };
  assertEquals(await store.claim([delivery], "worker@test"), [undefined]);
  await store.claim([{ ...delivery, redelivered: true }], "worker@test");
  const retry = settlement({ id, state: "RETRY", next: entry(id, { retries: 1 }) });
  assertEquals(await store.settle([retry]), [true]);
  assertEquals(await store.settle([retry]), [true]);
  assertEquals(await store.settle([settlement({ id, retries: 1 })]), [true]);
  assertEquals((await store.find(id))?.state, "SUCCESS");
  const outbox = new Outbox({ database });
  await outbox.add([entry("later"), entry("later", { dueAt: new Date(Date.now() + 3_600_000) })]);
  await outbox.hasten(["later"]);
  assertEquals(await Array.fromAsync(outbox.findStamped({ tenant: ["a"] })), []);
  assertEquals(await store.revoke("later", "revoked"), { revoked: true, state: null });
  // Django's table may be another application's, which this role cannot read.
  await fixture.admin.script(
    "create table django_celery_results_taskresult (task_id text, status text)",
  );
  await outbox.add([entry("much later", { dueAt: new Date(Date.now() + 3_600_000) })]);
  await using leases = new MessageLeases({ database, holder: "celeriac@test" });
  const [long, other] = [await leases.take(entry("long")), await leases.take(entry("other"))];
  assertEquals(await long.confirm(), true);
  long.end();
  other.giveBack();
});

Deno.test("celeriac_worker is refused everything else", async () => {
  await using fixture = await users();
  await forbidden(fixture.worker, [
    "delete from celeriac.task",
    "truncate celeriac.task",
    "select * from celeriac.task_default",
    "select * from celeriac.outbox",
    "update celeriac.outbox set due_at = now()",
    "delete from celeriac.outbox",
    "update celeriac.outbox set holder = null",
    "select * from celeriac.idempotency",
    "select * from celeriac.dead_letter",
    "select * from celeriac.route",
    "insert into celeriac.route (task, queue) values ('x', 'celeriac.x')",
    "select celeriac.reopen('[]')",
    "select celeriac.fail('[]')",
    "insert into celeriac.idempotency (key, body_hash, task_id) values ('a', 'b', 'c')",
    "select celeriac.make_partitions(400)",
    "select celeriac.expire('1 hour', 1, '1 hour')",
    "select celeriac.expire_keys('1 hour', 1)",
    "create table celeriac.mine (n integer)",
    "set role celeriac_migrate",
  ]);
});

Deno.test("a user without a role is refused everything", async () => {
  await using fixture = await users();
  const { admin } = fixture;
  await admin.transaction(async (sql) => {
    await sql.script("set local role pg_monitor");
    const error = await assertRejects(
      () => sql.query("select celeriac.revoke('x', '{}')"),
      DatabaseRefused,
    );
    assertEquals(error.code, "42501");
    throw new Error("the end");
  }).catch((error) => assertEquals(error.message, "the end"));
});

Deno.test("functions that run as their owner are not led astray by what their caller makes", async () => {
  await using fixture = await users();
  const { admin } = fixture;
  const unpinned = await admin.query(
    `select proname from pg_proc where pronamespace = 'celeriac'::regnamespace
     and prokind <> 'a' and (prosecdef or proname not in ('claim', 'hasten_revoked'))
     and not coalesce(proconfig, '{}') @> array['search_path=celeriac, pg_temp']`,
  );
  assertEquals(unpinned, []);
});
