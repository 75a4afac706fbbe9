/** A fresh vhost and a fresh database for each integration test.
 *
 * The servers are those of `AMQP_URL`, `MANAGEMENT_URL` and `DATABASE_URL`; `deno task test` finds
 * or starts them. A missing server fails the test: nothing is skipped.
 * @module
 */
import { PostgresDatabase } from "../../shared/database/postgres.ts";

/** A unique vhost; deleted when disposed. */
export interface Vhost extends AsyncDisposable {
  readonly name: string;
  /** AMQP URL of the vhost, with full rights. */
  readonly url: string;
  /** Address and credentials of the management API, without a trailing slash. */
  readonly managementUrl: string;
}

/** A unique database; dropped when disposed. */
export interface TestDatabase extends AsyncDisposable {
  readonly name: string;
  /** URL of the database, as a superuser. */
  readonly url: string;
}

/** Options of a vhost. */
export interface VhostOptions {
  /** Type of queues that are declared without one; default `quorum`. RabbitMQ before 4.0 supports only `classic`. */
  defaultQueueType?: "quorum" | "classic";
}

/** Creates a vhost on the broker of `MANAGEMENT_URL`.
 *
 * @throws if a variable is missing or the broker refuses */
export async function freshVhost(options: VhostOptions = {}): Promise<Vhost> {
  const managementUrl = setting("MANAGEMENT_URL").replace(/\/+$/, "");
  const url = new URL(setting("AMQP_URL"));
  const name = freshName();
  url.pathname = `/${name}`;
  await management(managementUrl, "PUT", `/api/vhosts/${name}`, {
    default_queue_type: options.defaultQueueType ?? "quorum",
  });
  const user = encodeURIComponent(decodeURIComponent(url.username));
  await management(managementUrl, "PUT", `/api/permissions/${name}/${user}`, {
    configure: ".*",
    write: ".*",
    read: ".*",
  });
  return {
    name,
    url: url.href,
    managementUrl,
    async [Symbol.asyncDispose]() {
      await management(managementUrl, "DELETE", `/api/vhosts/${name}`);
    },
  };
}

/** Creates an empty database on the server of `DATABASE_URL`.
 *
 * @throws if the variable is missing or the server refuses */
export async function freshDatabase(): Promise<TestDatabase> {
  return await databaseOn(setting("DATABASE_URL"));
}

/** Creates a database on a server.
 *
 * @param server URL of any of its databases, as a superuser
 * @param template database to copy
 * @throws if the server refuses */
export async function databaseOn(server: string, template = "template0"): Promise<TestDatabase> {
  const name = freshName();
  const url = new URL(server);
  url.pathname = `/${name}`;
  await statement(server, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  return {
    name,
    url: url.href,
    async [Symbol.asyncDispose]() {
      await statement(server, `DROP DATABASE ${name} WITH (FORCE)`);
    },
  };
}

/** Sends a request to RabbitMQ's management API and returns the response body, if any.
 *
 * @param url with credentials, such as {@linkcode Vhost.managementUrl}
 * @throws if the status is not 2xx */
export async function management(
  url: string,
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  body?: unknown,
): Promise<unknown> {
  const target = new URL(url);
  const credentials = btoa(
    `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`,
  );
  target.username = target.password = "";
  const answer = await fetch(target.href.replace(/\/+$/, "") + path, {
    method,
    headers: { authorization: `Basic ${credentials}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await answer.text();
  if (!answer.ok) {
    throw new Error(
      `Cannot ${method} ${path} because the broker answered ${answer.status}: ${text}`,
    );
  }
  return text === "" ? undefined : JSON.parse(text);
}

async function statement(server: string, text: string): Promise<void> {
  await using database = new PostgresDatabase({ url: server, max: 1 });
  await database.start();
  await database.query(text);
}

function freshName(): string {
  return `test_${crypto.randomUUID().replaceAll("-", "")}`;
}

/** Reads a variable of the servers.
 *
 * @throws if it is not set */
export function setting(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`Cannot run because ${name} is not set: run "deno task test"`);
  return value;
}
