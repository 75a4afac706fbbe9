/** `GET /v1/tasks/{id}/why`: why a task does not run. */
import { Hono } from "hono";
import type { Caller } from "../access/caller.ts";
import { callerOf } from "../access/request_caller.ts";
import { explain, nameOf, queueOf } from "../explaining/explain.ts";
import type { FactReader } from "../explaining/fact_reader.ts";
import { type Reason, reason } from "../explaining/reason.ts";
import type { TaskFacts } from "../explaining/task_facts.ts";
import { wordingOf } from "../explaining/wording.ts";
import { isLabel } from "../http/label.ts";
import { readQuery } from "../http/query.ts";
import { redacted } from "../reading/visible_record.ts";

/** Dependencies of the route. */
export interface WhyParts {
  readonly facts: Pick<FactReader, "read">;
}

/** An answer. */
export interface Explanation {
  readonly reasons: readonly Reason[];
  /** Absent if the task does not exist for the caller. */
  readonly facts?: TaskFacts;
}

/** Serves explanations. */
export function whyRoutes({ facts }: WhyParts): Hono {
  return new Hono().get("/tasks/:task/why", async (c) => {
    const id = c.req.param("task");
    readQuery(c.req.queries(), []);
    const explanation = isLabel(id) ? explanationFor(callerOf(c), await facts.read(id)) : UNKNOWN;
    return c.json(explanationBody(id, explanation), 200, { "cache-control": "no-store" });
  });
}

const UNKNOWN: Explanation = { reasons: [reason("unknown-id", { recent: false })] };

/** An explanation as a caller may see it: a task that it cannot see is unknown, and without `tasks:read-data` no text quotes data. */
export function explanationFor(caller: Caller, facts: TaskFacts): Explanation {
  const named = { name: nameOf(facts), queue: queueOf(facts) };
  if (!caller.seesEverything && !caller.sees(named)) return UNKNOWN;
  const shown = caller.has("tasks:read-data") ? facts : withoutData(facts);
  return { reasons: explain(shown), facts: shown };
}

function withoutData(facts: TaskFacts): TaskFacts {
  const { record, letter } = facts;
  return {
    ...facts,
    // The exception of a revoked task only says why.
    record: record?.state === "REVOKED" ? record : record && redacted(record),
    letter: letter && { ...letter, detail: null },
  };
}

function explanationBody(id: string, { reasons, facts }: Explanation): object {
  return {
    id,
    name: facts ? nameOf(facts) : null,
    state: facts?.record?.state ?? (facts?.member ? "PENDING" : null),
    queue: facts ? queueOf(facts) : null,
    reasons: reasons.map((one) => ({
      code: one.code,
      ...wordingOf(one),
      evidence: snakeKeys(one.evidence),
    })),
    unread: facts?.unread ?? [],
  };
}

function snakeKeys(evidence: Reason["evidence"]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(evidence).map(([key, value]) => [
      key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]),
  );
}
