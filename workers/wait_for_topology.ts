/** Waits for the queues and exchanges of a broker.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Declaration } from "../shared/broker/declaration.ts";
import { TopologyMissing } from "../shared/errors.ts";
import { pause } from "../shared/runtime/waits.ts";

/** Milliseconds between two looks. */
const LOOK_MS = 1000;

const logger = getLogger(["celeriac", "worker"]);

/** Resolves with `true` when all is there, or was made: a broker may get its definitions after its first connections. With `false` when
 * the signal came first.
 *
 * @param onMissing hears what is missing, and `undefined` when nothing is any more */
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
    await pause(LOOK_MS, signal);
  }
  return false;
}
