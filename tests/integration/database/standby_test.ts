/** A streaming standby, which takes no writes until it is promoted. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { readOnlyReason } from "../../../shared/database/read_only.ts";
import { eventually } from "../../support/eventually.ts";
import { findPostgres } from "../../support/postgres.ts";
import { PrivatePostgres } from "../../support/private_postgres.ts";

Deno.test("readOnlyReason() names a standby until it is promoted, and no primary", async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755);
  for (const name of ["primary", "standby"]) await Deno.mkdir(`${folder}/${name}`);
  const primary = await PrivatePostgres.create(await findPostgres() ?? "", `${folder}/primary`);
  const signal = AbortSignal.timeout(120_000);
  await primary.start(signal);
  stack.defer(() => primary.stop("immediate"));
  const standby = await primary.standby(`${folder}/standby`);
  await standby.start(signal);
  stack.defer(() => standby.stop("immediate"));

  const reasonOf = async ({ url }: PrivatePostgres) => {
    await using database = new PostgresDatabase({ url, max: 1 });
    await database.start();
    return await readOnlyReason(database);
  };
  assertEquals(await reasonOf(primary), undefined);
  assertStringIncludes(await reasonOf(standby) ?? "", "it is a standby");
  await using database = new PostgresDatabase({ url: standby.url, max: 1 });
  await database.start();
  await database.query("select pg_promote()");
  await eventually("a primary", async () => await reasonOf(standby) === undefined);
});
