/** The private servers of a run: Postgres with fsync and full_page_writes on, and RabbitMQ.
 * @module
 */
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { ServersMissing } from "../../support/packages.ts";
import { findPostgres } from "../../support/postgres.ts";
import { PrivatePostgres } from "../../support/private_postgres.ts";
import { PrivateRabbitmq } from "../../support/private_rabbitmq.ts";
import { findRabbitmq } from "../../support/rabbitmq.ts";
import { migrate } from "../../support/roles.ts";
import { freshVhost } from "../../support/servers.ts";

/** Settings that a crash-safe server has; the other settings are Postgres' defaults. */
const DURABLE = { fsync: "on", full_page_writes: "on", synchronous_commit: "on" } as const;

/** A checkpoint or a vacuum after millions of rows takes minutes. */
const STATEMENT_LIMIT_MS = 15 * 60_000;

/** Content of a fresh database: nothing, or the tables of Celeriac. */
export type Content = "empty" | "migrated";

/** A fresh vhost and a fresh database. Disposing deletes both. */
export interface Storage extends AsyncDisposable {
  readonly amqpUrl: string;
  readonly databaseUrl: string;
  /** A superuser's connection to the database. */
  readonly client: PostgresDatabase;
}

/** Running servers. Disposing stops them. */
export interface BenchServers extends AsyncDisposable {
  readonly postgres: { readonly pid: number; readonly release: string };
  readonly rabbitmq: { readonly pid: number; readonly release: string };
  /** Folder for the data of further servers, on the same disk. */
  readonly folder: string;
  /** Creates storage for one round. A checkpoint comes first, so that no round pays for the writes of the round before. */
  freshStorage(content: Content): Promise<Storage>;
}

/** Starts the servers and sets `AMQP_URL`, `MANAGEMENT_URL` and `DATABASE_URL` for this process.
 *
 * @param parent folder that gets the data folders; default: the system's folder for temporary files
 * @throws {ServersMissing} if Postgres or RabbitMQ is not installed */
export async function startServers(
  parent: string | undefined,
  signal: AbortSignal,
): Promise<BenchServers> {
  const programs = { postgres: await findPostgres(), rabbitmq: await findRabbitmq() };
  if (!programs.postgres) throw new ServersMissing(["Postgres"]);
  if (!programs.rabbitmq) throw new ServersMissing(["RabbitMQ"]);
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({
    prefix: "celeriac-bench-",
    ...parent === undefined ? {} : { dir: parent },
  });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755); // as root, Postgres runs as another user
  for (const name of ["postgres", "rabbitmq"]) await Deno.mkdir(`${folder}/${name}`);

  const postgres = await PrivatePostgres.create(programs.postgres, `${folder}/postgres`, DURABLE);
  const rabbitmq = await PrivateRabbitmq.create(programs.rabbitmq, `${folder}/rabbitmq`);
  stack.defer(() => postgres.stop());
  stack.defer(() => rabbitmq.kill());
  const started = await Promise.allSettled([postgres.start(signal), rabbitmq.start(signal)]);
  const [release = "", brokerRelease = ""] = started.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  Deno.env.set("DATABASE_URL", postgres.url);
  Deno.env.set("AMQP_URL", rabbitmq.url);
  Deno.env.set("MANAGEMENT_URL", rabbitmq.managementUrl);
  await checkDurability(postgres.url);
  const template = await freshDatabase(postgres.url, "template0");
  await migrate(template.url);
  const templates = { empty: "template0", migrated: template.name };

  const owned = stack.move();
  return {
    postgres: { pid: postgres.pid, release },
    rabbitmq: { pid: rabbitmq.pid, release: brokerRelease },
    folder,
    freshStorage: (content) => freshStorage(postgres.url, templates[content]),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function freshStorage(serverUrl: string, template: string): Promise<Storage> {
  await runAlone(serverUrl, "CHECKPOINT");
  await using stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const database = stack.use(await freshDatabase(serverUrl, template));
  const client = stack.use(
    new PostgresDatabase({ url: database.url, max: 1, timeoutMs: STATEMENT_LIMIT_MS }),
  );
  await client.start();
  const owned = stack.move();
  return {
    amqpUrl: vhost.url,
    databaseUrl: database.url,
    client,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface BenchDatabase extends AsyncDisposable {
  readonly name: string;
  readonly url: string;
}

async function freshDatabase(serverUrl: string, template: string): Promise<BenchDatabase> {
  const name = `bench_${crypto.randomUUID().replaceAll("-", "")}`;
  await runAlone(serverUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await runAlone(serverUrl, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Reads the settings back, because every figure states them. */
async function checkDurability(url: string): Promise<void> {
  for (const [name, wanted] of Object.entries(DURABLE)) {
    const [row] = await runAlone<Record<string, string>>(url, `SHOW ${name}`);
    if (row?.[name] !== wanted) {
      throw new Error(`Cannot measure because ${name} is ${row?.[name]}: it must be ${wanted}`);
    }
  }
}

async function runAlone<Row extends object>(url: string, statement: string): Promise<Row[]> {
  await using database = new PostgresDatabase({ url, max: 1, timeoutMs: STATEMENT_LIMIT_MS });
  await database.start();
  return await database.query<Row>(statement);
}
