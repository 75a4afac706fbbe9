import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import pg from "pg";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import { PgliteServer } from "../../../shared/database/pglite_server.ts";
import { eventually } from "../../support/eventually.ts";
import { Process } from "../../support/process.ts";

// A new database takes seconds, an old one a third of one: the cases share a folder, and each has a table of its own.
const folder = await Deno.makeTempDir();
globalThis.addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

interface Served extends AsyncDisposable {
  readonly database: PgliteDatabase;
  readonly server: PgliteServer;
}

async function served(): Promise<Served> {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(new PgliteDatabase({ folder }));
  await database.start();
  const server = stack.use(new PgliteServer({ database, port: 0, idleTransactionMs: 500 }));
  await server.start();
  const owned = stack.move();
  return { database, server, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

async function connected(server: PgliteServer): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(server.url);
  client.on("error", () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

async function psql(
  server: PgliteServer,
  ...args: string[]
): Promise<{ code: number; output: string }> {
  await using process = Process.start("psql", [server.url, "-X", "-At", ...args]);
  const { code } = await process.exit();
  return { code, output: process.output };
}

async function count(database: PgliteDatabase, table: string): Promise<number> {
  const [row] = await database.query<{ count: number }>(`select count(*)::int from ${table}`);
  return row!.count;
}

Deno.test("PgliteServer serves psql, its descriptions and its errors", async () => {
  await using ground = await served();
  const { server } = ground;
  const made = await psql(
    server,
    "-c",
    "create table shown (n int primary key)",
    "-c",
    "\\d shown",
  );
  assertStringIncludes(made.output, "n|integer");
  assertEquals(await psql(server, "-c", "insert into shown values (1)", "-c", "table shown"), {
    code: 0,
    output: "INSERT 0 1\n1\n",
  });
  const twice = await psql(server, "-c", "insert into shown values (1)");
  assertEquals(twice.code, 1);
  assertStringIncludes(twice.output, "duplicate key value");
});

Deno.test("PgliteServer keeps transactions of clients and of this process apart", async () => {
  await using ground = await served();
  const { database, server } = ground;
  await database.script("create table apart (n int)");
  await using client = await connected(server);
  await client.query("begin");
  await client.query("insert into apart values (1)");
  const inserted = database.query("insert into apart values (2)");
  await client.query("rollback");
  await inserted;
  assertEquals(await database.query("table apart"), [{ n: 2 }]);

  const entered = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  const failed = database.transaction(async (sql) => {
    await sql.query("insert into apart values (3)");
    entered.resolve();
    await asked.promise;
    throw new Error("back");
  });
  await entered.promise;
  const fourth = client.query("insert into apart values (4)");
  asked.resolve();
  await assertRejects(() => failed, Error, "back");
  await fourth;
  assertEquals(await database.query("select n from apart order by n"), [{ n: 2 }, { n: 4 }]);
});

Deno.test("PgliteServer lets connections prepare statements of the same name", async () => {
  await using ground = await served();
  const { server } = ground;
  await using one = await connected(server);
  await using other = await connected(server);
  const ask = (client: pg.Client, text: string) =>
    client.query({ name: "same", text, values: [1] }).then(({ rows }) => rows);
  for (let round = 0; round < 2; round++) {
    assertEquals(await ask(one, "select $1::int + 1 as sum"), [{ sum: 2 }]);
    assertEquals(await ask(other, "select $1::int + 2 as sum"), [{ sum: 3 }]);
  }
});

Deno.test("PgliteServer leaves nothing of a client that is gone", async () => {
  await using ground = await served();
  const { database, server } = ground;
  await database.script("create table gone (n int)");
  {
    await using client = await connected(server);
    await client.query({ name: "left", text: "select 1" });
    await client.query("set datestyle = 'German'");
    await client.query("begin");
    await client.query("insert into gone values (1)");
  }
  assertEquals(await count(database, "gone"), 0);
  await eventually("a session as it was", async () => {
    const left = await database.query(
      "select 1 from pg_prepared_statements where name like 'c%left'",
    );
    const [style] = await database.query<{ DateStyle: string }>("show datestyle");
    return left.length === 0 && style?.DateStyle === "ISO, MDY";
  });
});

Deno.test("PgliteServer ends a transaction that is idle, as all else waits for it", async () => {
  await using ground = await served();
  const { database, server } = ground;
  await database.script("create table idle (n int)");
  await using client = await connected(server);
  await client.query("begin");
  await client.query("insert into idle values (1)");
  assertEquals(await count(database, "idle"), 0);
  await assertRejects(() => client.query("commit"));
});

Deno.test("PgliteServer refuses COPY FROM STDIN, which would end the engine, and gives COPY TO STDOUT", async () => {
  await using ground = await served();
  const { database, server } = ground;
  await database.script("create table copied (n int)");
  for (const text of ["copy copied from stdin", "begin; Copy copied (n) FROM /* */ stdin csv"]) {
    const { code, output } = await psql(server, "-c", text);
    assertEquals(code, 1, output);
    assertStringIncludes(output, "cannot COPY FROM STDIN");
  }
  await using client = await connected(server);
  const prepared = () => client.query({ name: "copy", text: "copy copied from stdin" });
  await assertRejects(prepared, Error, "cannot COPY FROM STDIN");
  assertEquals((await psql(server, "-c", "copy (select 7) to stdout")).output, "7\n");
  assertEquals(await count(database, "copied"), 0);
});

Deno.test("PgliteServer drops what is no client, and a large message arrives whole", async () => {
  await using ground = await served();
  const { server } = ground;
  const { hostname, port } = new URL(server.url);
  for (const bytes of ["GET / HTTP/1.1\r\nhost: x\r\n\r\n", "\0\0\0\x08\x04\xd2\x16\x2e00000000"]) {
    using connection = await Deno.connect({ hostname, port: Number(port) });
    await connection.write(new TextEncoder().encode(bytes));
    const reply = await connection.read(new Uint8Array(16)).catch(() => null);
    assertEquals(reply, null);
  }
  await using client = await connected(server);
  const text = "é".repeat(2_000_000);
  const { rows } = await client.query("select $1::text as text, length($1) as length", [text]);
  assertEquals(rows, [{ text, length: text.length }]);
});
