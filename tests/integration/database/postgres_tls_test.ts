import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { DatabaseUnavailable } from "../../../shared/errors.ts";
import { makeAuthority, makeCertificate } from "../../support/certificates.ts";
import { findPostgres } from "../../support/postgres.ts";
import { PrivatePostgres } from "../../support/private_postgres.ts";
import { freshDatabase } from "../../support/servers.ts";

const ACCESS = `
local   all all                    scram-sha-256
hostssl all certified 127.0.0.1/32 cert
hostnossl all plain   127.0.0.1/32 scram-sha-256
hostssl all encrypted 127.0.0.1/32 scram-sha-256
host    all postgres  127.0.0.1/32 scram-sha-256
`;

const USERS = `
create role certified login;
create role plain login password 'plain';
create role encrypted login password 'encrypted'`;

const SESSION = `
select ssl, current_user as name, current_setting('work_mem') as memory
from pg_stat_ssl where pid = pg_backend_pid()`;

interface Row {
  readonly ssl: boolean;
  readonly name: string;
  readonly memory: string;
}

async function session(url: URL | string): Promise<Row> {
  await using database = new PostgresDatabase({ url: `${url}`, max: 1 });
  await database.start();
  return (await database.query<Row>(SESSION))[0]!;
}

async function refusal(url: URL | string): Promise<string> {
  return (await assertRejects(() => session(url), DatabaseUnavailable)).message;
}

Deno.test("PostgresDatabase negotiates TLS like libpq", async (t) => {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  await using owned = new AsyncDisposableStack();
  owned.defer(() => Deno.remove(folder, { recursive: true }));
  const file = (name: string) => `${folder}/${name}`;
  await Deno.mkdir(file("server"));
  const server = await PrivatePostgres.create(await findPostgres() ?? "", file("server"), {
    ssl: "on",
    ssl_cert_file: file("server/server.crt"),
    ssl_key_file: file("server/server.key"),
    ssl_ca_file: file("ca.crt"),
    unix_socket_directories: file("server"),
  });
  await makeAuthority(folder);
  await makeCertificate(folder, "server", "localhost");
  await makeCertificate(folder, "certified", "certified");
  const { uid, gid } = await Deno.stat(file("server"));
  for (const name of ["server.crt", "server.key"]) {
    await Deno.rename(file(name), file(`server/${name}`));
    if (Deno.uid() === 0) await Deno.chown(file(`server/${name}`), uid, gid);
  }
  await Deno.writeTextFile(file("server/data/pg_hba.conf"), ACCESS);
  await server.start(new AbortController().signal);
  owned.defer(() => server.stop());
  const url = (query = "", user?: string) => {
    const target = new URL(server.url);
    target.search = query;
    if (user !== undefined) target.username = target.password = user;
    return target;
  };
  const named = (query: string) => {
    const target = url(query);
    target.hostname = "localhost";
    target.searchParams.set("hostaddr", "127.0.0.1");
    return target;
  };
  {
    await using database = new PostgresDatabase({ url: server.url, max: 1 });
    await database.start();
    await database.script(USERS);
  }
  const ca = file("ca.crt");

  await t.step("each sslmode", async () => {
    const encrypted = async (target: URL) => (await session(target)).ssl;
    assertEquals(await encrypted(url()), true);
    assertEquals(await encrypted(url("sslmode=disable")), false);
    assertEquals(await encrypted(url("sslmode=allow")), false);
    assertEquals(await encrypted(url("sslmode=prefer")), true);
    assertEquals(await encrypted(url("sslmode=require")), true);
    assertEquals(await encrypted(url(`sslmode=verify-ca&sslrootcert=${ca}`)), true);
    assertEquals(await encrypted(named(`sslmode=verify-full&sslrootcert=${ca}`)), true);
  });

  await t.step("an insufficient certificate", async () => {
    assertStringIncludes(await refusal(url("sslmode=verify-ca")), "self-signed certificate");
    const other = file("certified.crt");
    await refusal(url(`sslmode=require&sslrootcert=${other}`));
    assertStringIncludes(
      await refusal(url(`sslmode=verify-full&sslrootcert=${ca}`)),
      "IP: 127.0.0.1 is not in the cert's list",
    );
    assertStringIncludes(await refusal(url("sslmode=verify-ca&sslrootcert=/none")), "sslrootcert");
  });

  await t.step("a user that needs TLS, and one that must not use it", async () => {
    assertEquals((await session(url("sslmode=prefer", "plain"))).ssl, false);
    assertEquals((await session(url("sslmode=allow", "encrypted"))).ssl, true);
    assertStringIncludes(await refusal(url("sslmode=require", "plain")), "pg_hba.conf");
    assertStringIncludes(await refusal(url("sslmode=disable", "encrypted")), "pg_hba.conf");
  });

  await t.step("a client certificate instead of a password", async () => {
    const pair = `sslcert=${file("certified.crt")}&sslkey=${file("certified.key")}`;
    const target = url(`sslmode=require&${pair}`);
    target.username = "certified";
    target.password = "";
    const { ssl, name } = await session(target);
    assertEquals([ssl, name], [true, "certified"]);
  });

  await t.step("a Unix socket, options and a password file", async () => {
    const { port, password } = new URL(server.url);
    await Deno.writeTextFile(file("passwords"), `*:${port}:*:postgres:${password}\n`);
    const parameters = new URLSearchParams({
      host: file("server"),
      port,
      user: "postgres",
      passfile: file("passwords"),
      options: "-c work_mem=9MB",
    });
    assertEquals(
      { ssl: false, name: "postgres", memory: "9MB" },
      await session(`postgres:///postgres?${parameters}`),
    );
    parameters.delete("passfile");
    assertStringIncludes(await refusal(`postgres:///?${parameters}`), "no password is given");
  });
});

Deno.test("PostgresDatabase continues without TLS if the server has none, unless it is required", async () => {
  await using fixture = await freshDatabase();
  const url = new URL(fixture.url);
  url.search = "sslmode=prefer";
  assertEquals((await session(url)).ssl, false);
  url.search = "sslmode=require";
  assertStringIncludes(await refusal(url), "the server has no TLS");
});
