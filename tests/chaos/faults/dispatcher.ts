/** Faults of the dispatcher of events, and changes of its subscriptions.
 * @module
 */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { checkout, startRole } from "../../support/roles.ts";
import type { Fault } from "../fault.ts";
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

const insertSubscription = `
  with locked as (select celeriac.lock_events())
  insert into celeriac.subscription (name, source, patterns, deliver)
  select 'chaos-late', 'database', '{chaos.#}', $1::text::json from locked`;

/** Events recorded after the subscription, without a finished task for it. */
const selectLate = `
  select
    count(*)::int as recorded,
    (count(*) filter (where task.state is distinct from 'SUCCESS'))::int as missing
  from celeriac.event left join celeriac.task on task.id = event.tasks ->> 'chaos-late'
  where position > $1`;

/** SIGKILL under load; then a dispatcher that ends at each step in turn. */
export const dispatcherKilled: Fault = {
  name: "dispatcher of events killed, at each of its steps",
  broker: false,
  events: true,
  begin: startBeats,
  async provoke({ beats, beatEnv }) {
    await Promise.all(beats.map((beat) => beat.kill()));
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
        await subscribed(system),
      ]);
      return row !== undefined && row.recorded > 0 && row.missing === 0;
    });
    await system.rows("delete from celeriac.subscription where name = 'chaos-late'");
    await endBeats(system);
  },
};

/** Subscribes a task without effects, and remembers the last event before. */
async function subscribe(system: Supervisor): Promise<void> {
  await system.rows("create table if not exists chaos_subscribed (position bigint)");
  const args = { number: "/data/one" };
  const deliver = { task: "chaos.work", queue: "celeriac.default", args };
  await system.rows(insertSubscription, [JSON.stringify(deliver)]);
  await system.rows(`
    insert into chaos_subscribed select coalesce(max(position), 0) from celeriac.event`);
}

async function subscribed(system: Supervisor): Promise<number> {
  const [row] = await system.rows<{ position: number }>(
    "select max(position)::float8 as position from chaos_subscribed",
  );
  return row!.position;
}

async function startBeats({ beats }: Supervisor): Promise<void> {
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

/** Checks that every accepted event is recorded with its tasks, and stops the dispatchers. */
async function endBeats(system: Supervisor): Promise<void> {
  await eventually("a record of each accepted event", async () => {
    const [row] = await system.rows<{ count: number }>(selectUnrecorded);
    return row?.count === 0;
  });
  for (const beat of system.beats) await beat.drain();
}
