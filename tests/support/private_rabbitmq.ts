/** A private RabbitMQ that can be killed, frozen and restarted with the same data.
 * @module
 */
import { freePorts } from "./ports.ts";
import { Process, type ProcessOptions, run } from "./process.ts";
import { pathFolders, untilUp } from "./server.ts";
import { management } from "./servers.ts";

/** Settings shared by the nodes of a cluster. */
interface Cluster {
  readonly cookie: string;
  /** Port of their port mapper. */
  readonly epmd: number;
  /** Node to join; absent for the first node. */
  readonly first?: string;
}

/** One node on free loopback ports. */
export class PrivateRabbitmq {
  readonly url: string;
  readonly managementUrl: string;
  /** Node name in the cluster. */
  readonly node: string;
  readonly #programs: string;
  readonly #options: ProcessOptions;
  readonly #cluster: Cluster;
  #server: Process | undefined;

  private constructor(
    programs: string,
    folder: string,
    ports: readonly number[],
    cluster: Cluster,
  ) {
    const [amqp, http, , , distribution] = ports;
    this.node = `test${amqp}@localhost`;
    this.#cluster = cluster;
    this.url = `amqp://guest:guest@127.0.0.1:${amqp}`;
    this.managementUrl = `http://guest:guest@127.0.0.1:${http}`;
    this.#programs = programs;
    this.#options = {
      clearEnv: true, // RABBITMQ_* variables would change the configuration
      cwd: folder,
      ownGroup: true,
      env: {
        PATH: [...pathFolders(), "/usr/bin", "/bin"].join(":"),
        LANG: "C.UTF-8",
        HOME: `${folder}/home`,
        ERL_EPMD_PORT: `${cluster.epmd}`,
        ERL_EPMD_ADDRESS: "127.0.0.1",
        ERL_CRASH_DUMP: "/dev/null",
        RABBITMQ_NODENAME: this.node,
        RABBITMQ_NODE_IP_ADDRESS: "127.0.0.1",
        RABBITMQ_NODE_PORT: `${amqp}`,
        RABBITMQ_DIST_PORT: `${distribution}`,
        RABBITMQ_MNESIA_BASE: `${folder}/data`,
        RABBITMQ_LOG_BASE: `${folder}/log`,
        RABBITMQ_PID_FILE: `${folder}/pid`,
        RABBITMQ_CONFIG_FILE: `${folder}/rabbitmq.conf`,
        RABBITMQ_CONFIG_FILES: `${folder}/conf.d`,
        RABBITMQ_ADVANCED_CONFIG_FILE: `${folder}/advanced.config`,
        RABBITMQ_CONF_ENV_FILE: `${folder}/env.conf`,
        RABBITMQ_ENABLED_PLUGINS_FILE: `${folder}/enabled_plugins`,
        RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS:
          "+S 2:2 +sbwt none -kernel inet_dist_use_interface {127,0,0,1}",
      },
    };
  }

  /** Writes the configuration; the node is not started yet.
   *
   * @param programs folder of RabbitMQ's programs
   * @param folder empty, absolute; receives all files */
  static create(programs: string, folder: string): Promise<PrivateRabbitmq> {
    const ports = freePorts(5);
    const cluster = { cookie: crypto.randomUUID(), epmd: ports[3]! };
    return PrivateRabbitmq.#create(programs, folder, ports, cluster);
  }

  /** Writes the configuration of another node, which joins this cluster when it starts. Stop it before this one.
   *
   * @param folder empty, absolute */
  peer(folder: string): Promise<PrivateRabbitmq> {
    const cluster = { ...this.#cluster, first: this.node };
    return PrivateRabbitmq.#create(this.#programs, folder, freePorts(5), cluster);
  }

  static async #create(
    programs: string,
    folder: string,
    ports: readonly number[],
    cluster: Cluster,
  ): Promise<PrivateRabbitmq> {
    const [amqp, http, prometheus] = ports;
    const { cookie, first } = cluster;
    await Deno.mkdir(`${folder}/home`);
    await Deno.mkdir(`${folder}/conf.d`);
    await Deno.writeTextFile(`${folder}/home/.erlang.cookie`, cookie, { mode: 0o400 });
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
${first ? discovery(first) : ""}`,
    );
    return new PrivateRabbitmq(programs, folder, ports, cluster);
  }

  /** Process id of the started program; the Erlang VM is this process or a child of it.
   *
   * @throws if it was not started */
  get pid(): number {
    if (!this.#server) {
      throw new Error("Cannot read the process id because RabbitMQ is not started");
    }
    return this.#server.pid;
  }

  /** Starts the node with its existing data.
   *
   * @returns its release, when clients can connect */
  async start(signal: AbortSignal): Promise<string> {
    const server = Process.start(`${this.#programs}/rabbitmq-server`, [], this.#options);
    this.#server = server;
    try {
      return await untilUp(server, () => releaseOf(this.managementUrl), {
        timeoutMs: 90_000,
        signal,
      });
    } catch (error) {
      await this.kill();
      throw error;
    }
  }

  /** Kills the node like a power failure; resolves when it has exited. */
  async kill(): Promise<void> {
    this.#server?.killGroup("SIGKILL");
    await this.#server?.status;
    this.#server = undefined;
    if (!this.#cluster.first) await this.#endPortMapper();
  }

  /** Freezes the node: its sockets stay open, but it does not respond. */
  pause(): void {
    this.#server?.killGroup("SIGSTOP");
  }

  /** Resumes a frozen node. */
  resume(): void {
    this.#server?.killGroup("SIGCONT");
  }

  /** Runs `rabbitmqctl`, or another program of its folder. @returns its output */
  control(args: readonly string[], program = "rabbitmqctl"): Promise<string> {
    return run(`${this.#programs}/${program}`, ["-q", ...args], {
      ...this.#options,
      timeoutMs: 60_000,
    });
  }

  /** Stops epmd, which outlives its nodes. This epmd has a separate port and serves no other node. It refuses to stop until it notices that the node has exited. */
  async #endPortMapper(): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      await using epmd = Process.start("epmd", ["-kill"], this.#options);
      await epmd.exit();
      if (!epmd.output.includes("living nodes")) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

function discovery(first: string): string {
  return `cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = ${first}
`;
}

/** Reads the release of a broker.
 *
 * @throws if it does not answer or does not accept AMQP connections yet */
export async function releaseOf(managementUrl: string): Promise<string> {
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
