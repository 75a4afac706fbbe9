/** Faults of the dispatcher of events, and changes of its subscriptions.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { countedEvents } from "../../support/counted_events.ts";
import { eventually } from "../../support/eventually.ts";
import { checkout, startRole } from "../../support/roles.ts";
import type { Fault } from "../fault.ts";
import type { Role } from "../role.ts";
import { RECOVERY_LIMIT } from "../observation.ts";
import { STEP_CODE } from "../steps/exit_after.ts";
import type { Supervisor } from "../supervisor.ts";

/** Where the dispatcher ends: modules to preload. */
const STEPS = [
  "tests/chaos/steps/received.ts",
  "tests/chaos/steps/published.ts",
  "tests/chaos/steps/recorded.ts",
  "tests/chaos/steps/committed.ts",
];

/** Tasks of events that no recorded event names. */
const selectUnrecorded = `
  select count(*)::int as count
  from chaos_expectation join celeriac.task using (id)
  where name = 'chaos.happened' and id not in (
    select task.value from celeriac.event cross join json_each_text(event.tasks) as task
  )`;

const selectEvents = "select count(*)::int as count from celeriac.event";

/** A subscription that is added under load, to the task with an effect that those of the app have. */
const LATE = {
  name: "chaos-late",
  patterns: ["chaos.#"],
  task: "chaos.happened",
  args: { number: "/data/number" },
};

const selectPosition = "select coalesce(max(position), 0)::float8 as position from celeriac.event";

/** Events recorded after the subscription, without a finished task for it. */
const selectLate = `
  select
    count(*)::int as recorded,
    (count(*) filter (where task.state is distinct from 'SUCCESS'))::int as missing
  from celeriac.event left join celeriac.task on task.id = event.tasks ->> 'chaos-late'
  where position > $1`;

/** Expects one effect and the right result of each task of the subscription, also of events that were recorded while it was added. */
const expectLate = `
  insert into chaos_expectation
  select tasks ->> 'chaos-late', true, true, 0, (event::jsonb #>> '{data,number}')::bigint, null, null
  from celeriac.event where tasks ->> 'chaos-late' is not null`;

/** SIGKILL under load: of each dispatcher, so that the other one has to take over; of the last one; and at each step of a dispatcher. */
export const dispatcherKilled: Fault = {
  name: "dispatcher of events killed, at each of its steps",
  broker: true,
  events: true,
  begin: startBeats,
  async provoke({ beats, beatEnv }) {
    const [first, second] = beats as [Role, Role];
    await first.kill();
    await dispatchingBy(second);
    await first.start();
    await second.kill();
    await dispatchingBy(first);
    await first.kill();
    for (const step of STEPS) {
      const permissions = [`--preload=${checkout}${step}`];
      await using beat = await startRole("beat", { env: beatEnv, permissions });
      assertEquals((await beat.exit({ timeoutMs: 60_000 })).code, STEP_CODE, step);
    }
  },
  async recover(system) {
    await startBeats(system);
    await dispatching(system);
  },
  end: endBeats,
};

/** The APIs and dispatchers are replaced one after the other, meanwhile somebody subscribes. */
export const subscriptionAdded: Fault = {
  name: "subscription added while APIs and dispatchers restart",
  broker: false,
  cycles: 1,
  events: true,
  begin: startBeats,
  async provoke(system) {
    const { apis, beats } = system;
    for (const [index, role] of [...apis, ...beats].entries()) {
      await role.drain();
      if (index === 2) await subscribe(system);
      await role.start();
    }
  },
  recover: dispatching,
  async end(system) {
    await eventually("a task of each later event", async () => {
      const [row] = await system.rows<{ recorded: number; missing: number }>(selectLate, [
        subscribedAt,
      ]);
      return row !== undefined && row.recorded > 0 && row.missing === 0;
    });
    await system.rows(expectLate);
    await subscriptions(system, "DELETE", `/${LATE.name}`);
    await endBeats(system);
  },
};

/** Position of the last event that was recorded before the subscription existed, or while it was added. */
let subscribedAt = 0;

async function subscribe(system: Supervisor): Promise<void> {
  await subscriptions(system, "POST", "", LATE);
  const [row] = await system.rows<{ position: number }>(selectPosition);
  subscribedAt = row!.position;
}

/** Sends a request to an API. */
async function subscriptions(
  { apis }: Supervisor,
  method: string,
  path: string,
  body?: unknown,
): Promise<void> {
  const answer = await fetch(`${apis[0]!.name}/v1/subscriptions${path}`, {
    method,
    headers: { "content-type": "application/json" },
    ...body !== undefined && { body: JSON.stringify(body) },
  });
  assert(answer.ok, await answer.text());
}

export async function startBeats({ beats }: Supervisor): Promise<void> {
  await Promise.all(beats.map((beat) => beat.start()));
}

/** Waits until an event is recorded. */
async function dispatching(system: Supervisor): Promise<void> {
  const count = async () => (await system.rows<{ count: number }>(selectEvents))[0]!.count;
  const before = await count();
  await eventually("an event to be dispatched", async () => await count() > before, {
    within: RECOVERY_LIMIT,
  });
}

/** Waits until this dispatcher has dispatched an event. */
async function dispatchingBy({ name: health }: Role): Promise<void> {
  const before = await countedEvents(health, "dispatched");
  await eventually(
    "the other dispatcher",
    async () => await countedEvents(health, "dispatched") > before,
    { within: RECOVERY_LIMIT },
  );
}

/** Checks that every accepted event is recorded with its tasks, and stops the dispatchers. */
export async function endBeats(system: Supervisor): Promise<void> {
  await eventually("a record of each accepted event", async () => {
    const [row] = await system.rows<{ count: number }>(selectUnrecorded);
    return row?.count === 0;
  });
  for (const beat of system.beats) await beat.drain();
}
