/** A broker for fault injection, and that of the installed release.
 * @module
 */
import { PrivateRabbitmq } from "../support/private_rabbitmq.ts";
import { findRabbitmq } from "../support/rabbitmq.ts";
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

/** A broker of the installed release. */
export async function ownBroker(folder: string): Promise<ChaosBroker> {
  const { signal } = new AbortController(); // each start has a timeout
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
