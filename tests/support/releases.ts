/** Starts brokers of other releases with the command in `CELERIAC_TEST_BROKER`.
 *
 * The command has `up RELEASE NAME`, which prints lines `AMQP_URL=…` and `MANAGEMENT_URL=…` when
 * the broker is ready, and `down RELEASE NAME`.
 * @module
 */
import { setTimeout as sleep } from "node:timers/promises";
import { run } from "./process.ts";
import type { Server } from "./server.ts";

/** Attempts to start a broker. */
const ATTEMPTS = 3;
/** Milliseconds between two attempts. The first start may install packages from a mirror during its update. */
const PAUSE_MS = 20_000;
/** Milliseconds for all attempts together. */
const TIME_LIMIT_MS = 900_000;

/** Options of a broker. */
export interface ReleaseOptions {
  /** Distinguishes it from other brokers of the release. Default "tests". */
  readonly instance?: string;
  /** Milliseconds between two attempts. Default 20,000 */
  readonly pauseMs?: number;
  /** Receives the output of each failed attempt that is followed by another. Default: the console. */
  readonly log?: (line: string) => void;
  /** No further attempt follows once it aborts. */
  readonly signal?: AbortSignal;
}

/** Starts a broker of a release, in up to three attempts.
 *
 * @throws if every attempt fails or prints no address of the broker; the message contains the last output */
export async function startRelease(
  command: string,
  release: string,
  { instance = "tests", pauseMs = PAUSE_MS, log = console.log, signal }: ReleaseOptions = {},
): Promise<Server> {
  const deadline = Date.now() + TIME_LIMIT_MS;
  const stop = async () => {
    await run(command, ["down", release, instance], { ownGroup: true });
  };
  for (let attempt = 1;; attempt++) {
    try {
      const output = await run(command, ["up", release, instance], {
        ownGroup: true,
        timeoutMs: Math.max(deadline - Date.now(), 1),
      });
      const environment = readAddresses(command, output);
      return { description: `RabbitMQ ${release} by ${command}`, environment, stop };
    } catch (error) {
      await stop().catch(() => {});
      signal?.throwIfAborted();
      const final = attempt >= ATTEMPTS || Date.now() + pauseMs > deadline;
      if (final || error instanceof Deno.errors.NotFound) throw error;
      const reason = error instanceof Error ? error.message : String(error);
      log(`RabbitMQ ${release} did not start, attempt ${attempt} of ${ATTEMPTS}: ${reason}`);
      await sleep(pauseMs, undefined, signal && { signal });
    }
  }
}

function readAddresses(command: string, output: string): Record<string, string> {
  return Object.fromEntries(
    ["AMQP_URL", "MANAGEMENT_URL"].map((name) => {
      const value = new RegExp(`^${name}=(\\S+)`, "m").exec(output)?.[1];
      if (!value) {
        throw new Error(`Cannot use ${command} because it printed no ${name}:\n${output}`);
      }
      return [name, value];
    }),
  );
}
