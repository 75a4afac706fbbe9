/** Ends in time what runs in the worker itself; the pool keeps the limits of a child. */
import { SoftTimeLimitExceeded, TimeLimitExceeded } from "../../shared/errors.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";
import { unlessAborted, withTimeout } from "../../shared/runtime/waits.ts";
import type { Attempt } from "./attempt.ts";

/** Seconds that the work of a completion has where its task has no hard limit: it holds a connection of the few there are. */
const COMPLETION_SECONDS = 300;

/** Whose limits, and since when. */
type Limited = Pick<Attempt, "task" | "contract" | "startedAt">;

/** The message's limits win over the contract's, as Celery's `apply_async(time_limit=)` does. */
export function limits({ task, contract }: Limited): TimeLimit {
  const soft = task.softTimeLimit ?? contract.timeLimit.soft;
  const hard = task.timeLimit ?? contract.timeLimit.hard;
  return { ...(soft === undefined ? {} : { soft }), ...(hard === undefined ? {} : { hard }) };
}

/** Timers of the limits of an inline handler. */
export function startTimers(
  attempt: Limited,
  running: { end(error: Error): void },
  controller: AbortController,
): { soft: Timer; hard: Timer } {
  const { soft, hard } = limits(attempt);
  return {
    soft: soft === undefined
      ? undefined
      : after(soft, () => controller.abort(new SoftTimeLimitExceeded(soft))),
    hard: hard === undefined
      ? undefined
      : after(hard, () => running.end(new TimeLimitExceeded(hard))),
  };
}

type Timer = ReturnType<typeof setTimeout> | undefined;

/** Waits for the work of a completion: as long as its handler would still have had, and a second at least, as it may have to run again.
 *
 * @throws the signal's reason
 * @throws {TimeLimitExceeded} then; the work may go on all the same, and nobody hears of it */
export async function withinLimit<Result>(
  attempt: Limited,
  signal: AbortSignal,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const { hard } = limits(attempt);
  const past = (Date.now() - attempt.startedAt.getTime()) / 1000;
  const seconds = hard === undefined ? COMPLETION_SECONDS : Math.max(hard - past, 1);
  const late = () => new TimeLimitExceeded(hard ?? seconds);
  const worked = async () => await work();
  return await withTimeout(timerMs(seconds), late, () => unlessAborted(worked(), signal));
}

/** A longer time than timers can tell (24.8 days) would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function timerMs(seconds: number): number {
  return Math.min(seconds * 1000, TIMER_MAX_MS);
}

function after(seconds: number, act: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(act, timerMs(seconds));
}
