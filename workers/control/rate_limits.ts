/** Rate limits: so many starts of a task in a time, evenly spaced, in this worker. */

/** A delivery held longer goes back to its queue: RabbitMQ closes channels whose deliveries stay unanswered for 30 minutes. */
const HOLD_MS = 15 * 60_000;

/** A delivery that waits for its turn. */
interface Waiting {
  readonly id: string;
  /** Milliseconds of `performance.now()`. */
  readonly since: number;
  readonly go: (granted: boolean) => void;
}

/** One task's limit and those who wait. */
interface Lane {
  intervalMs: number;
  /** The last turn, milliseconds of `performance.now()`. */
  last: number;
  line: Waiting[];
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** Gives turns, first come first served. Like Celery's it knows no bursts: after a pause one goes at once, not many. */
export class RateLimits {
  readonly #lanes = new Map<string, Lane>();
  #closed = false;

  /** Sets the limit of a task, also for those who wait already.
   *
   * @param perSecond `undefined` = none */
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
      this.#arm(lane);
    } else {
      this.#lanes.set(name, { intervalMs, last: -Infinity, line: [], timer: undefined });
    }
  }

  /** Whether a task may start now: at once where it may, otherwise when it is its turn. `false` = give the delivery back. */
  turn(name: string, id: string): boolean | Promise<boolean> {
    const lane = this.#lanes.get(name);
    if (!lane) return true;
    if (this.#closed) return false;
    const now = performance.now();
    if (lane.line.length === 0 && now >= lane.last + lane.intervalMs) {
      lane.last = now;
      return true;
    }
    return new Promise((go) => {
      lane.line.push({ id, since: now, go });
      if (lane.line.length === 1) this.#arm(lane);
    });
  }

  /** Lets those of these ids go on out of turn: they will not start. */
  release(ids: ReadonlySet<string>): void {
    for (const lane of this.#lanes.values()) {
      const leaving = lane.line.filter(({ id }) => ids.has(id));
      if (leaving.length === 0) continue;
      lane.line = lane.line.filter(({ id }) => !ids.has(id));
      for (const { go } of leaving) go(true);
      this.#arm(lane);
    }
  }

  /** When the turn of each that waits will come, by id; milliseconds since the epoch. */
  get turns(): Map<string, number> {
    const turns = new Map<string, number>();
    const epoch = Date.now() - performance.now();
    for (const { line, last, intervalMs } of this.#lanes.values()) {
      line.forEach(({ id }, index) => turns.set(id, epoch + last + (index + 1) * intervalMs));
    }
    return turns;
  }

  /** Sends all who wait away. */
  close(): void {
    this.#closed = true;
    for (const lane of this.#lanes.values()) dismiss(lane, false);
  }

  /** Sets the timer for the first in line. */
  #arm(lane: Lane): void {
    clearTimeout(lane.timer);
    lane.timer = undefined;
    const [first] = lane.line;
    if (!first) return;
    const due = Math.min(lane.last + lane.intervalMs, first.since + HOLD_MS);
    lane.timer = setTimeout(() => this.#next(lane), Math.max(0, due - performance.now()));
  }

  #next(lane: Lane): void {
    const now = performance.now();
    const [first] = lane.line;
    // Timers may come a moment early.
    if (first && now >= lane.last + lane.intervalMs) {
      lane.last = now;
      lane.line.shift();
      first.go(true);
    } else if (first && now >= first.since + HOLD_MS) {
      lane.line.shift();
      first.go(false);
    }
    this.#arm(lane);
  }
}

function dismiss(lane: Lane, granted: boolean): void {
  clearTimeout(lane.timer);
  for (const { go } of lane.line.splice(0)) go(granted);
}
