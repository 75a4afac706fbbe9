/** Time limits of inline handlers and completions. The process pool enforces those of child processes. */
import { SoftTimeLimitExceeded, TimeLimitExceeded } from "../../shared/errors.ts";
import type { TimeLimit } from "../../shared/contracts/task_definition.ts";
import { unlessAborted, withTimeout } from "../../shared/runtime/waits.ts";
import type { Attempt } from "./attempt.ts";
import type { LazyAbort } from "./lazy_abort.ts";

/** Time limit in seconds for a completion whose task has no hard limit, because it occupies one of few connections. */
const COMPLETION_SECONDS = 300;

/** An attempt with its limits and its start. */
type Limited = Pick<Attempt, "task" | "contract" | "began">;

/** Limits of an attempt. Those of the message take precedence over those of the contract, as in Celery's `apply_async(time_limit=)`. */
export function limits({ task, contract }: Limited): TimeLimit {
  const soft = task.softTimeLimit ?? contract.timeLimit.soft;
  const hard = task.timeLimit ?? contract.timeLimit.hard;
  if (soft === undefined && hard === undefined) return NO_LIMIT;
  return { ...(soft === undefined ? {} : { soft }), ...(hard === undefined ? {} : { hard }) };
}

const NO_LIMIT: TimeLimit = Object.freeze({});

/** Starts the timers of an inline handler. */
export function startTimers(
  attempt: Limited,
  running: { end(error: Error): void },
  controller: Pick<LazyAbort, "abort">,
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

/** Waits for the work of a completion, for the rest of the handler's time limit. It gets at least one second, because it may run again.
 *
 * @throws the signal's reason
 * @throws {TimeLimitExceeded} if it takes longer; the work may continue, and its result is ignored */
export async function withinLimit<Result>(
  attempt: Limited,
  signal: AbortSignal,
  work: () => Result | Promise<Result>,
): Promise<Result> {
  const { hard } = limits(attempt);
  const past = (performance.now() - attempt.began) / 1000;
  const seconds = hard === undefined ? COMPLETION_SECONDS : Math.max(hard - past, 1);
  const late = () => new TimeLimitExceeded(hard ?? seconds);
  const worked = async () => await work();
  return await withTimeout(timerMs(seconds), late, () => unlessAborted(worked(), signal));
}

/** A timer with a longer delay (24.8 days) would fire at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

function timerMs(seconds: number): number {
  return Math.min(seconds * 1000, TIMER_MAX_MS);
}

function after(seconds: number, act: () => void): ReturnType<typeof setTimeout> {
  return setTimeout(act, timerMs(seconds));
}
