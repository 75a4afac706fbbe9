/** A broker that can be mistreated: of this machine's own release, or of another by the command of `CELERIAC_TEST_BROKER`.
 * @module
 */
import { PrivateRabbitmq } from "../support/private_rabbitmq.ts";
import { run } from "../support/process.ts";
import { findRabbitmq } from "../support/rabbitmq.ts";
import { startRelease } from "../support/releases.ts";
import { Peers } from "./peers.ts";

/** A broker of ours alone. Disposing ends it. */
export interface ChaosBroker extends AsyncDisposable {
  /** Such as `3.10`. */
  readonly release: string;
  readonly url: string;
  readonly managementUrl: string;
  /** Ends it as a power cut would. */
  kill(): Promise<void>;
  /** Starts it again on its data; resolves when it takes connections. */
  start(): Promise<void>;
  /** Freezes it: sockets stay open, nobody answers. */
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Runs `rabbitmqctl`. */
  control(...args: string[]): Promise<void>;
  /** Adds two nodes to its cluster; they end with it. */
  join?(): Promise<Peers>;
}

/** Tells our instance from others of the same command; its first letter chooses the ports. */
const INSTANCE = "fault-matrix";

/** A broker of the release that this machine has. */
export async function ownBroker(folder: string, signal: AbortSignal): Promise<ChaosBroker> {
  const programs = await findRabbitmq();
  if (!programs) {
    throw new Error("Cannot run because there is no RabbitMQ here: install rabbitmq-server");
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
    join: async () => joined.use(await Peers.join(node, folder, signal)),
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
