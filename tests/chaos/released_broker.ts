/** A broker of another release, run by the command in `CELERIAC_TEST_BROKER`.
 * @module
 */
import { kill } from "node:process";
import { eventually } from "../support/eventually.ts";
import { releaseOf } from "../support/private_rabbitmq.ts";
import { run } from "../support/process.ts";
import { rawChannel } from "../support/raw_amqp.ts";
import { startRelease } from "../support/releases.ts";
import type { BrokerUrls } from "../support/provisioned.ts";
import type { ChaosBroker } from "./broker.ts";

/** Name of this instance for the command; its first letter selects the ports. */
const INSTANCE = "fault-matrix";
/** Seconds until a killed process is gone, on a loaded machine. */
const GONE_WITHIN = 30;
/** Seconds until a started broker accepts connections. */
const READY_WITHIN = 30;
/** Attempts to restart a broker. The command may take a process that is about to exit for a running broker. */
const STARTS = 2;

/** Options of a broker. */
export interface ReleasedOptions {
  /** Throws if the broker does not accept connections. Default {@linkcode acceptConnections}. */
  readonly check?: (urls: BrokerUrls) => Promise<void>;
  /** Receives the error of an attempt that is followed by another. Default: the console. */
  readonly log?: (line: string) => void;
}

/** Starts a broker.
 *
 * @param command as of `CELERIAC_TEST_BROKER`
 * @throws if it does not start */
export async function releasedBroker(
  command: string,
  release: string,
  { check = acceptConnections, log = console.log }: ReleasedOptions = {},
): Promise<ChaosBroker> {
  const server = await startRelease(command, release, { instance: INSTANCE });
  const { AMQP_URL: url = "", MANAGEMENT_URL: managementUrl = "" } = server.environment;
  const call = (verb: string, ...args: string[]) =>
    run(command, [verb, release, INSTANCE, ...args], { ownGroup: true, timeoutMs: 120_000 });
  const started = async () => {
    await call("up");
    await check({ url, managementUrl });
  };
  return {
    release,
    url,
    managementUrl,
    async kill() {
      // a process that has not exited yet would pass for a running broker when the command starts it again
      const [pid] = /\d+/.exec(await call("ctl", "eval", "os:getpid().")) ?? [];
      await call("kill");
      await eventually(`the exit of RabbitMQ, process ${pid}`, () => !exists(Number(pid)), {
        within: GONE_WITHIN,
      });
    },
    async start() {
      for (let attempt = 1;; attempt++) {
        try {
          return await started();
        } catch (error) {
          if (attempt === STARTS) throw error;
          log(`RabbitMQ ${release} did not restart, attempt ${attempt} of ${STARTS}: ${error}`);
        }
      }
    },
    pause: async () => void await call("pause"),
    resume: async () => void await call("resume"),
    control: async (...args) => void await call("ctl", ...args),
    [Symbol.asyncDispose]: () => server.stop(),
  };
}

/** Waits until a broker accepts connections of AMQP and of its management API.
 *
 * @throws after 30 s; the error is that of the last attempt */
async function acceptConnections({ url, managementUrl }: BrokerUrls): Promise<void> {
  const deadline = Date.now() + READY_WITHIN * 1000;
  while (true) {
    try {
      await releaseOf(managementUrl);
      await using _ = await rawChannel(url);
      return;
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
  }
}

/** Whether a process exists, which includes one that has exited but is not reaped yet. */
function exists(pid: number): boolean {
  try {
    return kill(pid, 0);
  } catch {
    return false;
  }
}
