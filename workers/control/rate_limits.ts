/** Rate limits: starts of a task per second in this worker, evenly spaced. */
import type { Waiting } from "../running/semaphore.ts";

/** A delivery that leaves the queue comes back within this time, because its limit may have been raised. */
const LONGEST_AWAY_MS = 60 * 60_000;

/** `true`: the task may start. `false`: the limits are closed. A number: the delivery has left the queue, and its turn is in that many
 * milliseconds. */
export type Turn = boolean | number;

/** A delivery that waits for its turn. */
interface Waiter {
  readonly id: string;
  readonly go: (turn: Turn) => void;
}

/** The limit of one task and its waiting deliveries. */
interface Lane {
  intervalMs: number;
  /** The last turn, milliseconds of `performance.now()`. */
  last: number;
  /** The last turn of the deliveries that left the queue, milliseconds of `performance.now()`. */
  away: number;
  line: Waiter[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Gives turns in FIFO order. As in Celery there are no bursts: after a pause only one task starts at once. */
export class RateLimits {
  readonly #lanes = new Map<string, Lane>();
  #closed = false;

  /** Sets the limit of a task, also for waiting deliveries.
   *
   * @param perSecond `undefined`: no limit */
  set(name: string, perSecond: number | undefined): void {
    const lane = this.#lanes.get(name);
    if (perSecond === undefined) {
      this.#lanes.delete(name);
      if (lane) dismiss(lane, true);
      return;
    }
    const intervalMs = 1000 / perSecond;
    if (lane) {
      lane.intervalMs = intervalMs;
      lane.away = -Infinity;
      this.#arm(lane);
    } else {
      this.#lanes.set(name, {
        intervalMs,
        last: -Infinity,
        away: -Infinity,
        line: [],
        timer: undefined,
      });
    }
  }

  /** Waits for the turn of a task. Returns without a promise if it may start now.
   *
   * @param waiting may stop waiting before its turn */
  turn(name: string, id: string, waiting: Waiting): Turn | Promise<Turn> {
    const lane = this.#lanes.get(name);
    if (!lane) return true;
    if (this.#closed) return false;
    const now = performance.now();
    if (lane.line.length === 0 && now >= lane.last + lane.intervalMs) {
      lane.last = now;
      return true;
    }
    return new Promise((go) => {
      const one = { id, go };
      lane.line.push(one);
      if (lane.line.length === 1) this.#arm(lane);
      const leave = () => this.#leave(lane, one);
      if (waiting.waitExpired) leave();
      else waiting.onWaitExpired = leave;
    });
  }

  /** Releases the deliveries of these tasks without a turn, because the tasks will not start. */
  release(ids: ReadonlySet<string>): void {
    for (const lane of this.#lanes.values()) {
      const leaving = lane.line.filter(({ id }) => ids.has(id));
      if (leaving.length === 0) continue;
      lane.line = lane.line.filter(({ id }) => !ids.has(id));
      for (const { go } of leaving) go(true);
      this.#arm(lane);
    }
  }

  /** Turn of each waiting task by id, milliseconds since the epoch. */
  get turns(): Map<string, number> {
    const turns = new Map<string, number>();
    const epoch = Date.now() - performance.now();
    for (const { line, last, intervalMs } of this.#lanes.values()) {
      line.forEach(({ id }, index) => turns.set(id, epoch + last + (index + 1) * intervalMs));
    }
    return turns;
  }

  /** Rejects all waiting deliveries. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) dismiss(lane, false);
  }

  /** Sets the timer for the first waiting delivery. */
  #arm(lane: Lane): void {
    clearTimeout(lane.timer);
    lane.timer = undefined;
    const [first] = lane.line;
    if (!first) return;
    const due = lane.last + lane.intervalMs;
    lane.timer = setTimeout(() => this.#next(lane), Math.max(0, due - performance.now()));
  }

  #next(lane: Lane): void {
    const now = performance.now();
    const [first] = lane.line;
    // Timers may fire slightly early.
    if (first && now >= lane.last + lane.intervalMs) {
      lane.last = now;
      lane.line.shift();
      first.go(true);
    }
    this.#arm(lane);
  }

  /** Removes a delivery. The turns of removed deliveries are spaced too, so that they do not all come back at once. */
  #leave(lane: Lane, one: Waiter): void {
    const index = lane.line.indexOf(one);
    if (index < 0) return;
    lane.line.splice(index, 1);
    if (index === 0) this.#arm(lane);
    const now = performance.now();
    const { last, away, intervalMs } = lane;
    const turn = Math.max(last + (index + 1) * intervalMs, away + intervalMs, now);
    const isFar = turn > now + LONGEST_AWAY_MS;
    if (!isFar) lane.away = turn;
    const waitMs = isFar ? LONGEST_AWAY_MS * (1 + Math.random()) / 2 : turn - now;
    one.go(waitMs);
  }
}

function dismiss(lane: Lane, granted: boolean): void {
  clearTimeout(lane.timer);
  for (const { go } of lane.line.splice(0)) go(granted);
}
