/** Parses replays from requests and serializes them. */
import { v7 } from "uuid";
import { z } from "zod";
import { checkPattern } from "../../shared/events/pattern.ts";
import type { NewReplay, StoredReplay } from "../../shared/events/replay_store.ts";
import { fieldProblem } from "../http/problem.ts";
import { strictRefusal } from "../http/strict_object.ts";
import { time } from "../http/time.ts";

/** Default tasks per second. */
const RATE = 100;

/** The body of a replay, also for the OpenAPI document. */
export const ReplayBody = z.strictObject({
  since: time.optional().describe("Only events recorded at this time or later"),
  until: time.optional().describe("Only events recorded before this time; default now"),
  types: z.array(z.string()).min(1).max(100).optional()
    .describe("Patterns of types; default: all events that the subscription selects"),
  rate: z.number().min(0.01).max(10_000).optional()
    .describe(`Maximum tasks per second; default ${RATE}`),
  again: z.boolean().optional().describe(
    "Whether an event that already has a task of this subscription gets another one; default false",
  ),
});

const NAMES = Object.keys(ReplayBody.shape);

/** Reads and checks a replay.
 *
 * @throws {Problem} `invalid-input` naming every invalid field
 * @throws {InvalidInput} for an invalid pattern */
export function readReplay(body: unknown, subscription: string): NewReplay {
  const parsed = ReplayBody.safeParse(body);
  if (!parsed.success) {
    throw strictRefusal(parsed.error, {
      what: "the replay",
      known: NAMES,
      unknown: "unknown field",
    });
  }
  const { types = [], rate = RATE, again = false, ...times } = parsed.data;
  types.forEach((type) => checkPattern(type, "types"));
  const [since, until] = [times.since, times.until].map((text) =>
    text === undefined ? null : new Date(text)
  ) as [Date | null, Date | null];
  if (since && until && since >= until) {
    throw fieldProblem("until", "it is not after 'since', so no event is selected: correct it");
  }
  return { id: v7(), subscription, since, until, types, rate, again };
}

/** @returns keys as in {@linkcode readReplay}, and its progress */
export function replayBody(replay: StoredReplay): Record<string, unknown> {
  return {
    id: replay.id,
    subscription: replay.subscription,
    since: replay.since,
    until: replay.until,
    types: replay.types,
    rate: replay.rate,
    again: replay.again,
    position: replay.position,
    last_position: replay.lastPosition,
    sent: replay.sent,
    created_at: replay.createdAt,
    ended_at: replay.endedAt,
    failures: replay.failures,
    error: replay.error,
    failed_at: replay.failedAt,
  };
}
