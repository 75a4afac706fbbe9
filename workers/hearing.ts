/** Sees to it that no consumer stays deaf.
 * @module
 */
import type { Verdict } from "../shared/health.ts";
import { Loop } from "../shared/loop.ts";
import type { Worker } from "./worker.ts";

/** Milliseconds that a broker has to accept a consumer in another's place. */
const PATIENCE_MS = 5000;

/** Renews consumers that have heard nothing for so many seconds. One whose time is up waits for a fifth of it more at most. */
export function hearing(worker: Pick<Worker, "renew">, seconds: number): Loop {
  return new Loop({
    name: "worker",
    async round() {
      await worker.renew(seconds * 1000, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return seconds * 200;
    },
  });
}

/** Whether a worker hears what its queues hold. One that does not, although the broker has accepted fresh consumers, only a restart can help. */
export function hearingOf({ deaf }: Pick<Worker, "deaf">): Verdict {
  if (deaf.length === 0) return { ok: true, state: "hearing" };
  const reason = `Messages wait in ${
    deaf.join(", ")
  }, and consumers that the broker has accepted bring none`;
  return { ok: false, state: "deaf", reason };
}
