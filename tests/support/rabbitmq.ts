/** RabbitMQ for a test run: one that is named by variables, or a private one.
 * @module
 */
import { freePorts } from "./ports.ts";
import { Process, type ProcessOptions } from "./process.ts";
import { folderWith, NoServer, pathFolders, type Server, unreachable, untilUp } from "./server.ts";
import { management } from "./servers.ts";

/** The broker of `AMQP_URL` and `MANAGEMENT_URL`, or `undefined` when neither is set.
 *
 * @throws {NoServer} when only one is set, or when it does not answer */
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

/** The folder of RabbitMQ's programs on this machine.
 *
 * Debian's own folder comes before `PATH`: its wrappers in `/usr/sbin` switch the user. */
export function findRabbitmq(): Promise<string | undefined> {
  return folderWith(["rabbitmq-server", "rabbitmqctl"], [
    "/usr/lib/rabbitmq/bin",
    "/opt/homebrew/opt/rabbitmq/sbin",
    "/usr/local/opt/rabbitmq/sbin",
    "/opt/rabbitmq/sbin",
    ...pathFolders(),
  ]);
}

/** Starts a private broker on free loopback ports.
 *
 * @param programs folder of RabbitMQ's programs
 * @param folder empty, absolute; holds all it writes */
export async function startRabbitmq(
  programs: string,
  folder: string,
  signal: AbortSignal,
): Promise<Server> {
  const [amqp, http, prometheus, epmd, distribution] = freePorts(5);
  const managementUrl = `http://guest:guest@127.0.0.1:${http}`;
  await Deno.mkdir(`${folder}/home`);
  await Deno.mkdir(`${folder}/conf.d`);
  await Deno.writeTextFile(`${folder}/home/.erlang.cookie`, crypto.randomUUID(), { mode: 0o400 });
  await Deno.writeTextFile(`${folder}/env.conf`, "");
  await Deno.writeTextFile(
    `${folder}/enabled_plugins`,
    "[rabbitmq_management,rabbitmq_prometheus].\n",
  );
  await Deno.writeTextFile(
    `${folder}/rabbitmq.conf`,
    `listeners.tcp.1 = 127.0.0.1:${amqp}
management.tcp.ip = 127.0.0.1
management.tcp.port = ${http}
prometheus.tcp.ip = 127.0.0.1
prometheus.tcp.port = ${prometheus}
`,
  );
  const options = {
    clearEnv: true, // a stray RABBITMQ_* variable is configuration
    cwd: folder,
    ownGroup: true,
    env: {
      PATH: [...pathFolders(), "/usr/bin", "/bin"].join(":"),
      LANG: "C.UTF-8",
      HOME: `${folder}/home`,
      ERL_EPMD_PORT: `${epmd}`,
      ERL_EPMD_ADDRESS: "127.0.0.1",
      ERL_CRASH_DUMP: "/dev/null",
      RABBITMQ_NODENAME: `test${amqp}@localhost`,
      RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
      RABBITMQ_NODE_PORT: `${amqp}`,
      RABBITMQ_DIST_PORT: `${distribution}`,
      RABBITMQ_MNESIA_BASE: `${folder}/data`,
      RABBITMQ_LOG_BASE: `${folder}/log`,
      RABBITMQ_PID_FILE: `${folder}/pid`,
      RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
      RABBITMQ_CONFIG_FILES: `${folder}/conf.d`,
      RABBITMQ_CONF_ENV_FILE: `${folder}/env.conf`,
      RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
      RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
        "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
    },
  };
  const server = Process.start(`${programs}/rabbitmq-server`, [], options);
  const stop = async () => {
    // its data is thrown away, so nothing is lost by not asking it to close its files
    server.killGroup("SIGKILL");
    await server.status;
    await endPortMapper(options);
  };
  try {
    const release = await untilUp(server, () => releaseOf(managementUrl), {
      timeoutMs: 90_000,
      signal,
    });
    return {
      description: `RabbitMQ ${release} from ${programs}, started on port ${amqp}`,
      environment: {
        AMQP_URL: `amqp://guest:guest@127.0.0.1:${amqp}`,
        MANAGEMENT_URL: managementUrl,
      },
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** epmd outlives its nodes by design; this one has a port of its own, so it is ours alone. It refuses to go until it has noticed that the node is gone. */
async function endPortMapper(options: ProcessOptions): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    await using epmd = Process.start("epmd", ["-kill"], options);
    await epmd.exit();
    if (!epmd.output.includes("living nodes")) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function releaseOf(managementUrl: string): Promise<string> {
  const overview = await management(managementUrl, "GET", "/api/overview");
  const { rabbitmq_version, listeners } = overview as {
    rabbitmq_version: string;
    listeners: { protocol: string }[];
  };
  if (!listeners.some(({ protocol }) => protocol.startsWith("amqp"))) {
    throw new Error("RabbitMQ does not listen yet");
  }
  return rabbitmq_version;
}
