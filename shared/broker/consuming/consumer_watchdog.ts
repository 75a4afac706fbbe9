/** Detects and replaces stalled consumers, and reports the health of consumers.
 * @module
 */
import { Loop } from "../../runtime/loop.ts";
import type { HealthStatus } from "../../telemetry/health.ts";
import type { Consumers } from "./consumers.ts";

/** Milliseconds that the broker has to accept a replacement consumer. */
const REPLACE_TIMEOUT_MS = 5000;

/** Replaces each consumer that has capacity and has received nothing for `seconds`.
 *
 * It checks five times per period, so a replacement starts at most `1.2 * seconds` after the last delivery.
 *
 * @param options.name name of the owner, for the log
 * @param options.seconds idle time after which a consumer is replaced */
export function consumerWatchdog(
  consumers: Pick<Consumers, "renew">,
  { name, seconds }: { name: string; seconds: number },
): Loop {
  return new Loop({
    name,
    async round() {
      await consumers.renew(seconds * 1000, { signal: AbortSignal.timeout(REPLACE_TIMEOUT_MS) });
      return seconds * 200;
    },
  });
}

/** Liveness of consumers: fails when a queue is stalled, because only a restart can help then. */
export function consumerLiveness({ stalled }: Pick<Consumers, "stalled">): HealthStatus {
  if (stalled.length === 0) return { ok: true, state: "receiving" };
  const reason = `Cannot receive the pending messages of ${
    stalled.join(", ")
  } because accepted consumers get none: restart the process`;
  return { ok: false, state: "stalled", reason };
}

/** Readiness of a worker's consumers: fails while it drains, while a queue is missing and while a queue is not consumed. */
export function consumerReadiness(
  { stopping, missing, silent }: {
    readonly stopping: boolean;
    /** Why a queue cannot be consumed, if the broker reported it as missing. */
    readonly missing: string | undefined;
    /** Queues without an active consumer. */
    readonly silent: readonly string[];
  },
): HealthStatus {
  if (stopping) return { ok: false, state: "draining", reason: "The worker is stopping" };
  if (missing !== undefined) return { ok: false, state: "missing", reason: missing };
  if (silent.length === 0) return { ok: true, state: "consuming" };
  return { ok: false, state: "silent", reason: `Not consuming ${silent.join(", ")}` };
}
