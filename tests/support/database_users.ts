/** Creates database users with only the rights of their role, as defined in infra/database-roles.sql.
 * @module
 */
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { freshDatabase } from "./servers.ts";
import { checkout } from "./roles.ts";

const roles = ["migrate", "api", "beat", "worker", "submit"] as const;

/** Component that logs in as a separate database user. */
export type DatabaseRole = typeof roles[number];

/** An empty database and a user for each role. Disposing deletes them. */
export interface OwnedDatabase extends AsyncDisposable {
  /** URL of the database for a role's user. */
  url(role: DatabaseRole): string;
}

/** Creates the database and users as an operator does. */
export async function databaseUsers(): Promise<OwnedDatabase> {
  await using stack = new AsyncDisposableStack();
  const password = crypto.randomUUID();
  const url = Deno.env.get("DATABASE_URL") ?? "";
  const administrator = stack.use(new PostgresDatabase({ url, max: 1 }));
  await administrator.start();
  const prefix = `test_${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  stack.defer(async () => {
    for (const role of roles) await administrator.query(`DROP ROLE IF EXISTS ${prefix}_${role}`);
  });
  const database = stack.use(await freshDatabase());

  const owner = stack.use(new PostgresDatabase({ url: database.url, max: 1 }));
  await owner.start();
  await owner.script(await Deno.readTextFile(`${checkout}infra/database-roles.sql`));
  await owner.stop();
  for (const role of roles) {
    await administrator.query(
      `CREATE ROLE ${prefix}_${role} LOGIN PASSWORD '${password}' IN ROLE celeriac_${role}`,
    );
  }
  const owned = stack.move();
  return {
    url(role) {
      const url = new URL(database.url);
      url.username = `${prefix}_${role}`;
      url.password = password;
      return url.href;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
