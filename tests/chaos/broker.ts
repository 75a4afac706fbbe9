/** A broker for fault injection: the installed release, or another one by the command in `CELERIAC_TEST_BROKER`.
 * @module
 */
import { PrivateRabbitmq } from "../support/private_rabbitmq.ts";
import { run } from "../support/process.ts";
import { findRabbitmq } from "../support/rabbitmq.ts";
import { startRelease } from "../support/releases.ts";
import { AddedNodes } from "./added_nodes.ts";

/** A private broker. Disposing stops it. */
export interface ChaosBroker extends AsyncDisposable {
  /** For example `3.10`. */
  readonly release: string;
  readonly url: string;
  readonly managementUrl: string;
  /** Kills it like a power failure. */
  kill(): Promise<void>;
  /** Restarts it with its data; resolves when it accepts connections. */
  start(): Promise<void>;
  /** Freezes it: sockets stay open, but it does not respond. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Runs `rabbitmqctl`. */
  control(...args: string[]): Promise<void>;
  /** Adds two nodes to its cluster; they stop with it. */
  join?(): Promise<AddedNodes>;
}

/** Name of this instance for the command; its first letter selects the ports. */
const INSTANCE = "fault-matrix";

/** A broker of the installed release. */
export async function ownBroker(folder: string, signal: AbortSignal): Promise<ChaosBroker> {
  const programs = await findRabbitmq();
  if (!programs) {
    throw new Error("Cannot run because RabbitMQ is not installed: install rabbitmq-server");
  }
  const node = await PrivateRabbitmq.create(programs, folder);
  const release = await node.start(signal);
  const joined = new AsyncDisposableStack();
  return {
    release: release.split(".").slice(0, 2).join("."),
    url: node.url,
    managementUrl: node.managementUrl,
    kill: () => node.kill(),
    start: async () => void await node.start(signal),
    pause: () => Promise.resolve(node.pause()),
    resume: () => Promise.resolve(node.resume()),
    control: async (...args) => void await node.control(args),
    join: async () => joined.use(await AddedNodes.join(node, folder, signal)),
    async [Symbol.asyncDispose]() {
      await joined.disposeAsync();
      await node.kill();
    },
  };
}

/** A broker of another release.
 *
 * @param command as of `CELERIAC_TEST_BROKER` */
export async function releasedBroker(command: string, release: string): Promise<ChaosBroker> {
  const server = await startRelease(command, release, { instance: INSTANCE });
  const tell = async (verb: string, ...args: string[]) => {
    await run(command, [verb, release, INSTANCE, ...args], { ownGroup: true, timeoutMs: 120_000 });
  };
  return {
    release,
    url: server.environment.AMQP_URL ?? "",
    managementUrl: server.environment.MANAGEMENT_URL ?? "",
    kill: () => tell("kill"),
    start: () => tell("up"),
    pause: () => tell("pause"),
    resume: () => tell("resume"),
    control: (...args) => tell("ctl", ...args),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}
