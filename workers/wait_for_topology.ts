/** Waits for the queues and exchanges of a broker.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Declaration } from "../shared/broker/declaration.ts";
import { TopologyMissing } from "../shared/errors.ts";
import { pause } from "../shared/runtime/waits.ts";

/** Milliseconds between two checks. */
const CHECK_MS = 1000;

const logger = getLogger(["celeriac", "worker"]);

/** Waits until all queues and exchanges exist or have been declared. A broker may import its definitions after its first connections.
 *
 * @param onMissing receives the message that names the missing objects, and `undefined` once none is missing
 * @returns `false` if the signal aborted first */
export async function waitForTopology(
  broker: Pick<Broker, "declare">,
  declaration: Declaration,
  { signal, onMissing }: { signal: AbortSignal; onMissing(missing: string | undefined): void },
): Promise<boolean> {
  let last: string | undefined;
  while (!signal.aborted) {
    try {
      await broker.declare(declaration);
      onMissing(undefined);
      return true;
    } catch (error) {
      if (!(error instanceof TopologyMissing)) throw error;
      if (error.message !== last) logger.warn("{reason}: waiting", { reason: error.message });
      last = error.message;
      onMissing(last);
    }
    await pause(CHECK_MS, signal);
  }
  return false;
}
