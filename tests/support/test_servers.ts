/** RabbitMQ and Postgres for a test run or a benchmark: found, or started and stopped.
 * @module
 */
import { canInstall, installPackages, ServersMissing } from "./packages.ts";
import { findPostgres, namedPostgres, startPostgres } from "./postgres.ts";
import { findRabbitmq, namedRabbitmq, startRabbitmq } from "./rabbitmq.ts";
import type { Server } from "./server.ts";

/** Reachable servers. Disposing stops those that were started here. */
export interface TestServers extends AsyncDisposable {
  /** `AMQP_URL`, `MANAGEMENT_URL` and `DATABASE_URL`. */
  readonly environment: Readonly<Record<string, string>>;
}

interface Kind {
  readonly name: string;
  readonly debianPackage: string;
  named(): Promise<Server | undefined>;
  find(): Promise<string | undefined>;
  start(programs: string, folder: string, signal: AbortSignal): Promise<Server>;
}

const rabbitmq: Kind = {
  name: "RabbitMQ",
  debianPackage: "rabbitmq-server",
  named: namedRabbitmq,
  find: findRabbitmq,
  start: startRabbitmq,
};

const database: Kind = {
  name: "Postgres",
  debianPackage: "postgresql",
  named: namedPostgres,
  find: findPostgres,
  start: startPostgres,
};

/** Uses the servers named by environment variables, else starts installed programs, else installs them if possible.
 *
 * @param say receives one line for each step
 * @throws {ServersMissing} if no server can be started
 * @throws if a named server does not answer or a program does not start */
export async function prepareServers(
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<TestServers> {
  const named = new Map<Kind, Server>();
  for (const kind of [rabbitmq, database]) {
    const server = await kind.named();
    if (server) named.set(kind, server);
  }
  const toStart = [rabbitmq, database].filter((kind) => !named.has(kind));
  await installMissing(toStart, say, signal);
  const folder = await Deno.makeTempDir({ prefix: "celeriac-test-" });
  await Deno.chmod(folder, 0o755); // as root, Postgres runs as another user
  const started = await Promise.allSettled(toStart.map(async (kind) => {
    const own = `${folder}/${kind.debianPackage}`;
    await Deno.mkdir(own);
    return await kind.start(await kind.find() ?? "", own, signal);
  }));
  const running = started.flatMap((one) => one.status === "fulfilled" ? [one.value] : []);
  const servers = [...named.values(), ...running];
  const fixture = {
    environment: Object.assign({}, ...servers.map((server) => server.environment)),
    async [Symbol.asyncDispose]() {
      await Promise.all(servers.map((server) => server.stop()));
      await Deno.remove(folder, { recursive: true });
    },
  };
  const failed = started.find((one) => one.status === "rejected");
  if (failed) {
    await fixture[Symbol.asyncDispose]();
    throw failed.reason;
  }
  for (const server of servers) say(server.description);
  return fixture;
}

async function installMissing(
  kinds: readonly Kind[],
  say: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const missing: Kind[] = [];
  for (const kind of kinds) {
    if (!await kind.find()) missing.push(kind);
  }
  if (missing.length === 0) return;
  const names = missing.map((kind) => kind.name);
  if (!await canInstall()) throw new ServersMissing(names);
  const packages = missing.map((kind) => kind.debianPackage);
  say(`No ${names.join(" and no ")} found: installing ${packages.join(" and ")} with apt-get`);
  await installPackages(packages, signal);
  for (const kind of missing) {
    if (!await kind.find()) throw new ServersMissing([kind.name]);
  }
}
