/** Provides RabbitMQ for a test run: the server named by variables, or a private one.
 * @module
 */
import { PrivateRabbitmq, releaseOf } from "./private_rabbitmq.ts";
import { folderWith, NoServer, pathFolders, type Server, unreachable } from "./server.ts";

/** The broker of `AMQP_URL` and `MANAGEMENT_URL`, or `undefined` if neither is set.
 *
 * @throws {NoServer} if only one is set, or if it does not answer */
export async function namedRabbitmq(): Promise<Server | undefined> {
  const url = Deno.env.get("AMQP_URL");
  const managementUrl = Deno.env.get("MANAGEMENT_URL");
  if (!url && !managementUrl) return undefined;
  if (!url || !managementUrl) {
    throw new NoServer("Cannot use AMQP_URL without MANAGEMENT_URL: set both, or neither");
  }
  const release = await releaseOf(managementUrl).catch((error) => {
    throw unreachable("MANAGEMENT_URL", managementUrl, error);
  });
  return {
    description: `RabbitMQ ${release} of AMQP_URL at ${new URL(url).host}`,
    environment: { AMQP_URL: url, MANAGEMENT_URL: managementUrl },
    stop: () => Promise.resolve(),
  };
}

/** The folder of RabbitMQ's programs on this machine: that of `CELERIAC_TEST_RABBITMQ`, if it is set.
 *
 * Debian's own folder comes before `PATH`: its wrappers in `/usr/sbin` switch the user. */
export function findRabbitmq(): Promise<string | undefined> {
  const chosen = Deno.env.get("CELERIAC_TEST_RABBITMQ");
  return folderWith(
    ["rabbitmq-server", "rabbitmqctl"],
    chosen ? [chosen] : [
      "/usr/lib/rabbitmq/bin",
      "/opt/homebrew/opt/rabbitmq/sbin",
      "/usr/local/opt/rabbitmq/sbin",
      "/opt/rabbitmq/sbin",
      ...pathFolders(),
    ],
  );
}

/** Starts a private broker on free loopback ports.
 *
 * @param programs folder of RabbitMQ's programs
 * @param folder empty, absolute; receives all files */
export async function startRabbitmq(
  programs: string,
  folder: string,
  signal: AbortSignal,
): Promise<Server> {
  const broker = await PrivateRabbitmq.create(programs, folder);
  const release = await broker.start(signal);
  return {
    description: `RabbitMQ ${release} from ${programs}, started at ${new URL(broker.url).host}`,
    environment: { AMQP_URL: broker.url, MANAGEMENT_URL: broker.managementUrl },
    // its data is discarded, so a clean shutdown is not needed
    stop: () => broker.kill(),
  };
}
