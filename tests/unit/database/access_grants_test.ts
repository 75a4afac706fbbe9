/** What the API's role may do with keys and the audit log. */
import { assertEquals, assertRejects } from "@std/assert";
import { AuditLog } from "../../../api/access/audit_log.ts";
import { KeyStore } from "../../../api/access/key_store.ts";
import { ALL_RIGHTS } from "../../../api/access/caller.ts";
import { mintToken } from "../../../api/access/token.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { settlement, submission } from "../../support/settlements.ts";
import { migrate } from "../../../shared/database/migrate.ts";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { DatabaseRefused } from "../../../shared/errors.ts";

const ENTRY = {
  requestId: "r",
  caller: "root",
  callerName: "root",
  action: "keys:write",
  method: "POST",
  path: "/v1/keys",
  target: "a",
  filter: { name: "a" },
  address: "127.0.0.1",
};

Deno.test("celeriac_api manages keys and appends to the audit log, and other roles read neither", async (t) => {
  await using database = new PgliteDatabase();
  await database.start();
  await database.script("create role celeriac_api; create role celeriac_worker");
  await migrate(database);
  await database.query("insert into celeriac.audit (caller, action) values ('root', 'a')");
  const refused = async (statements: readonly string[]) => {
    for (const statement of statements) {
      const { code } = await assertRejects(() => database.query(statement), DatabaseRefused);
      assertEquals(code, "42501", statement);
    }
  };

  await t.step("the statements of the API are allowed", async () => {
    await database.query("set role celeriac_api");
    const keys = new KeyStore({ database });
    const audit = new AuditLog({ database });
    const token = mintToken();
    const key = (await keys.create(token, { ...ALL_RIGHTS, name: "a", createdBy: "root" }))!;
    const successor = mintToken();
    await keys.rotate(key.id, { token: successor, grace: 5, by: "root", expiresAt: null });
    await keys.revoke(successor.id, "root");
    await keys.touch(new Map([[key.id, new Date()]]));
    assertEquals((await keys.list({ limit: 5 })).length, 2);
    const checked = await keys.checked();
    assertEquals(checked.map(({ secretHash }) => secretHash.length), [32, 32]);
    await audit.end(await audit.begin(ENTRY), { status: 201, count: null });
    await audit.addCounts([{
      caller: "root",
      callerName: "root",
      action: "tasks:submit",
      target: "t",
      status: 403,
      address: null,
      count: 3,
    }]);
    const rows = await audit.list({}, { limit: 5 });
    assertEquals(rows.map(({ count, status }) => [count, status]), [
      [3, 403],
      [null, 201],
      [null, null],
    ]);
    assertEquals(rows[1]!.filter, { name: "a" });
    await database.query("select celeriac.expire_audit(interval '1 day', 10)");
  });

  await t.step("the API cannot change the log, nor the rights of a key", async () => {
    await refused([
      "insert into celeriac.audit (caller, action, at) values ('root', 'a', '2020-01-01')",
      "update celeriac.audit set caller = 'other'",
      "delete from celeriac.audit",
      "truncate celeriac.audit cascade",
      "update celeriac.audit_outcome set status = 200",
      "delete from celeriac.audit_outcome",
      "update celeriac.access_key set scopes = '{*}'",
      "update celeriac.access_key set secret_hash = ''",
      "delete from celeriac.access_key",
    ]);
  });

  await t.step("the API and workers may write labels, submitters and the history", async () => {
    const store = new PostgresResultStore({ database });
    const stamped = { labels: { order: "7" }, submittedBy: "key:a" };
    await store.submitted([submission({ id: "t", ...stamped })]);
    await database.query("set role celeriac_worker");
    for (const retries of [1, 2]) {
      await store.settle([settlement({ id: "t", state: "RETRY", retries, ...stamped })]);
    }
    const record = await store.find("t");
    assertEquals([record?.labels, record?.submittedBy], [{ order: "7" }, "key:a"]);
    assertEquals(record?.history?.length, 2);
  });

  await t.step("workers read neither keys nor the log", async () => {
    await database.query("set role celeriac_worker");
    await refused([
      "select * from celeriac.access_key",
      "select * from celeriac.audit",
      "insert into celeriac.audit (caller, action) values ('root', 'a')",
      "select celeriac.expire_audit(interval '1 day', 10)",
    ]);
    await database.query("reset role");
  });
});
