/** Sees to it that no consumer stays deaf.
 * @module
 */
import type { Verdict } from "../health.ts";
import { Loop } from "../loop.ts";
import type { Consumers } from "./consumers.ts";

/** Milliseconds that a broker has to accept a consumer in another's place. */
const PATIENCE_MS = 5000;

/** Renews consumers that have heard nothing for so many seconds. One whose time is up waits for a fifth of it more at most.
 *
 * @param options.name whose they are, for the log */
export function hearing(
  consumers: Pick<Consumers, "renew">,
  { name, seconds }: { name: string; seconds: number },
): Loop {
  return new Loop({
    name,
    async round() {
      await consumers.renew(seconds * 1000, { signal: AbortSignal.timeout(PATIENCE_MS) });
      return seconds * 200;
    },
  });
}

/** Whether the queues' messages are heard. Where they are not, although the broker has accepted fresh consumers, only a restart can help. */
export function hearingOf({ deaf }: Pick<Consumers, "deaf">): Verdict {
  if (deaf.length === 0) return { ok: true, state: "hearing" };
  const reason = `Messages wait in ${
    deaf.join(", ")
  }, and consumers that the broker has accepted bring none`;
  return { ok: false, state: "deaf", reason };
}
