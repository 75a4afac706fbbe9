/** The SQL that the pages show, run as the users that they name. */
import { assertEquals } from "@std/assert";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { databaseUsers } from "../../support/database_users.ts";
import { blocksOf } from "../../support/documentation.ts";
import { checkout, migrate } from "../../support/roles.ts";

const blocks = async (page: string) => {
  const text = await Deno.readTextFile(`${checkout}${page}`);
  return blocksOf(page, text).filter(({ language }) => language === "sql").map(({ text }) => text);
};

Deno.test("the SQL of docs/call/sql.md submits tasks and reads their records", async () => {
  await using users = await databaseUsers();
  await migrate(users.url("migrate"));
  await using owner = new PostgresDatabase({ url: users.url("migrate") });
  await using shop = new PostgresDatabase({ url: users.url("submit") });
  await Promise.all([owner.start(), shop.start()]);
  const user = new URL(users.url("submit")).username;
  const [tables = ""] = await blocks("docs/run/postgres.md");
  const [grant = "", submit = "", later = "", publish = "", reading = "", read = ""] = await blocks(
    "docs/call/sql.md",
  );
  assertEquals(grant.trim(), "grant celeriac_submit to shop;"); // databaseUsers() has done so
  await owner.script(tables);
  await owner.script(
    `grant usage on schema shop to ${user}; grant insert on shop.orders to ${user}`,
  );
  await shop.script(submit);
  assertEquals(await shop.query(later), [{ submit: "remind-7" }]);
  await owner.script(reading.replaceAll(" to shop;", ` to ${user};`));
  const [record] = await shop.query<{ state: string }>(read);
  assertEquals(record?.state, "PENDING");
  const sent = await owner.query(
    "select task.name, outbox.due_at <= now() as due from celeriac.outbox join celeriac.task on task.id = task_id order by name",
  );
  assertEquals(sent, [{ name: "orders.confirm", due: true }, {
    name: "orders.remind",
    due: false,
  }]);
  await shop.script(publish);
  const events = await owner.query(
    "select routing_key from celeriac.outbox where exchange <> 'celeriac' and exchange <> ''",
  );
  assertEquals(events, [{ routing_key: "orders.paid" }]);
});
