/** The client's submissions and the expected result of each task.
 *
 * Of 20 submissions 13 are plain tasks. The others are a task of another queue, one with a countdown, one that expires, one that is
 * retried, a chain, a chord, and a chord within a chain. They have 33 tasks, all with ids of the client's own.
 * With events, every fourth submission is an event with two subscriptions.
 * @module
 */
import type { CloudEvent } from "../../shared/events/cloud_event.ts";
import { eventKey, eventTaskId } from "../../shared/events/event_key.ts";

/** The expected result of a task. */
export interface Expectation {
  readonly id: string;
  /** Whether it inserts a row into the table of effects. */
  readonly effect: boolean;
  /** Whether a record is kept. */
  readonly record: boolean;
  /** Number of intentional failures. */
  readonly retries: number;
  /** Result, if it depends on other tasks. */
  readonly value: number | null;
  /** Earliest start, milliseconds since the epoch. */
  readonly due: number | null;
  /** Earliest expiry, milliseconds since the epoch. */
  readonly expires: number | null;
}

/** One request. */
export interface Submission {
  readonly path: string;
  readonly body: unknown;
  readonly tasks: readonly Expectation[];
}

/** Length of the repeating sequence of submissions. */
export const PERIOD = 20;
/** Every n-th submission is a long task, so that faults occur while it runs. */
export const LONG_EVERY = 60;
/** Every n-th plain task has an effect. */
const EFFECT_EVERY = 5;
/** Duration of a long task, milliseconds. */
const LONG_MS = 3000;
const EVENT_EVERY = 4;
/** Seconds. */
const COUNTDOWN = 3;
/** Seconds; less than the possible clock skew of workers. */
const EXPIRES = 14;

/** Creates a submission.
 *
 * @param number counts from 0
 * @param newId creates ids
 * @param now milliseconds since the epoch
 * @param events whether some are events */
export function submissionOf(
  number: number,
  newId: () => string,
  now: number,
  events = false,
): Submission {
  if (events && number % EVENT_EVERY === 0) return happening(number, newId(), now);
  switch (number % PERIOD) {
    case 1:
      return chain(number, newId);
    case 3:
      return plain("chaos.aside", number, newId());
    case 6:
      return chord(number, newId);
    case 7:
      return plain("chaos.work", number, newId(), { expires: EXPIRES }, {
        expires: now + EXPIRES * 1000,
      });
    case 10:
      return plain("chaos.work", number, newId(), { countdown: COUNTDOWN }, {
        due: now + COUNTDOWN * 1000,
      });
    case 12:
      return chordInChain(number, newId);
    case 16:
      return flaky(number, newId());
    default:
      return plain("chaos.work", number, newId());
  }
}

/** Its tasks have ids that follow from the event and the subscription. */
function happening(number: number, id: string, now: number): Submission {
  const body: CloudEvent = {
    ...{ specversion: "1.0", id, source: "/chaos", type: "chaos.happened" },
    time: new Date(now).toISOString(),
    data: { number, one: 1 },
  };
  const key = eventKey(body);
  const tasks = ["chaos-first", "chaos-second"].map((name) =>
    expected(eventTaskId(key, name), { value: number })
  );
  return { path: "/v1/events", body, tasks };
}

function plain(
  name: string,
  number: number,
  id: string,
  options: object = {},
  times: Partial<Expectation> = {},
): Submission {
  const args = number % LONG_EVERY === LONG_EVERY - 1 ? [number, LONG_MS] : [number];
  return {
    path: `/v1/tasks/${name}`,
    body: { args, options: { ...options, task_id: id } },
    tasks: [expected(id, { effect: number % EFFECT_EVERY === 0, value: number, ...times })],
  };
}

function flaky(number: number, id: string): Submission {
  return {
    path: "/v1/tasks/chaos.flaky",
    body: { args: [number], options: { task_id: id } },
    tasks: [expected(id, { retries: 1, value: number })],
  };
}

/** Its second step keeps no record, its first one has a callback. */
function chain(number: number, newId: () => string): Submission {
  const ids = Array.from({ length: 5 }, () => newId());
  const [first, callback, silent, third, last] = ids as [string, string, string, string, string];
  const link = [task("chaos.add", [1000], callback)];
  return {
    path: "/v1/workflows",
    body: {
      chain: [
        { ...task("chaos.add", [number, 1], first), link },
        task("chaos.silent", [], silent),
        task("chaos.add", [1], third),
        task("chaos.add", [1], last),
      ],
    },
    tasks: [
      expected(first, { value: number + 1 }),
      expected(callback, { value: number + 1001 }),
      expected(silent, { record: false, effect: false }),
      expected(third, { value: number + 2 }),
      expected(last, { value: number + 3 }),
    ],
  };
}

/** Its body has a callback. */
function chord(number: number, newId: () => string): Submission {
  const members = Array.from({ length: 4 }, () => newId());
  const [body, callback] = [newId(), newId()];
  const sum = 4 * number + 6;
  return {
    path: "/v1/workflows",
    body: {
      chord: {
        header: members.map((id, index) => task("chaos.add", [number, index], id)),
        body: { ...task("chaos.total", [], body), link: [task("chaos.add", [1], callback)] },
      },
    },
    tasks: [
      ...members.map((id, index) => expected(id, { value: number + index })),
      expected(body, { value: sum }),
      expected(callback, { value: sum + 1 }),
    ],
  };
}

/** One of the members is retried. */
function chordInChain(number: number, newId: () => string): Submission {
  const ids = Array.from({ length: 5 }, () => newId());
  const [first, one, other, total, last] = ids as [string, string, string, string, string];
  return {
    path: "/v1/workflows",
    body: {
      chain: [
        task("chaos.add", [number, 1], first),
        { group: [task("chaos.add", [1], one), task("chaos.flaky", [], other)] },
        task("chaos.total", [], total),
        task("chaos.add", [1], last),
      ],
    },
    tasks: [
      expected(first, { value: number + 1 }),
      expected(one, { value: number + 2 }),
      expected(other, { value: number + 1, retries: 1 }),
      expected(total, { value: 2 * number + 3 }),
      expected(last, { value: 2 * number + 4 }),
    ],
  };
}

function task(name: string, args: number[], id: string): object {
  return { name, args, options: { task_id: id } };
}

function expected(id: string, differences: Partial<Expectation>): Expectation {
  return {
    id,
    effect: true,
    record: true,
    retries: 0,
    value: null,
    due: null,
    expires: null,
    ...differences,
  };
}
