/** One run of the matrix: load, a fault in cycles, and the reckoning.
 * @module
 */
import { DEAD_QUEUE } from "../../shared/broker/topology.ts";
import { eventually } from "../support/eventually.ts";
import { management } from "../support/servers.ts";
import type { Fault } from "./fault.ts";
import { readLedger } from "./ledger.ts";
import { Load, type LoadOptions } from "./load.ts";
import type { Observation } from "./observation.ts";
import { beginReckoning, expectTasks, lostTasks, reckon } from "./reckoning.ts";
import type { Supervisor } from "./supervisor.ts";
import { LONG_EVERY } from "./workload.ts";

/** Seconds that a recovery is waited for: a number beyond the limit says more than none. */
const PATIENCE = 60;
/** Seconds in which a backlog must become smaller. */
const REST_LIMIT = 180;

const selectNow = "select now() as now";
/** A long task that a worker had in hand shows nothing when it ends. */
const selectRecovered = `
  select worker, extract(epoch from min(finished_at) - $1::timestamptz)::float8 as seconds
  from celeriac.task
  where created_at > $2::timestamptz and finished_at > $1::timestamptz + $3 * interval '1 second'
    and name = 'chaos.work' and (result #>> '{}')::int % ${LONG_EVERY} <> ${LONG_EVERY - 1}
  group by worker`;
const selectLetters = "select count(*)::int as count from celeriac.dead_letter";
/** Runs a fault under load.
 *
 * @throws when the system does not come to rest, with what was seen */
export async function runFault(
  system: Supervisor,
  fault: Fault,
  { cycles, ...options }: LoadOptions & { cycles: number },
): Promise<Observation> {
  const folder = await Deno.makeTempDir({ prefix: "celeriac-ledger-" });
  try {
    const path = `${folder}/ledger`;
    const since = await now(system);
    await beginReckoning(system);
    await fault.begin?.(system);
    await using load = await Load.start(system, path, options);
    await finishedSome(system, since, 200);
    const recoveries: number[] = [];
    for (let cycle = 0; cycle < cycles; cycle++) {
      await fault.provoke(system, load, cycle);
      recoveries.push(await recovery(system, fault, since));
    }
    const summary = await load.stop();
    const ended = performance.now();
    const { accepted, problems } = await readLedger(path);
    if (problems.length > 0) {
      throw new Error(`The API answered what no fault excuses: ${JSON.stringify(problems[0])}`);
    }
    await expectTasks(system, accepted);
    const missing = await atRest(system);
    const settled = (performance.now() - ended) / 1000;
    await fault.end?.(system);
    const [letters] = await system.rows<{ count: number }>(selectLetters);
    return {
      fault: fault.name,
      broker: system.broker.release,
      accepted: accepted.length,
      lost: missing.length,
      ...await reckon(system),
      deadLetters: await depth(system, DEAD_QUEUE) + (letters?.count ?? 0),
      refused: summary.refused,
      unanswered: summary.unanswered,
      slowestMs: summary.slowestMs,
      recoveries,
      settled,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** What a person wants to see of a system that did not do as it should. */
export async function autopsy(system: Supervisor): Promise<string> {
  const told = async (what: string, look: () => Promise<unknown>) => {
    const seen = await look().catch((error: Error) => error.message);
    return `${what}: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`;
  };
  const parts = [
    await told(
      "states",
      () =>
        system.rows(
          "select state, worker, count(*)::int, max(finished_at) from celeriac.task group by 1, 2",
        ),
    ),
    await told(
      "outbox",
      () => system.rows("select count(*)::int, min(due_at), max(last_error) from celeriac.outbox"),
    ),
    await told("queues", () =>
      management(
        system.broker.managementUrl,
        "GET",
        `/api/queues/${system.vhost.vhost}?columns=name,messages_ready,messages_unacknowledged,consumers`,
      )),
  ];
  const roles = [...system.apis, ...system.workers];
  return [...parts, ...roles.map((role) => `== ${role.name}\n${role.lastWords}`)].join("\n");
}

async function now(system: Supervisor): Promise<Date> {
  const [row] = await system.rows<{ now: Date }>(selectNow);
  return row!.now;
}

async function finishedSome(system: Supervisor, since: Date, count: number): Promise<void> {
  await eventually(`${count} tasks that are finished before the fault`, async () => {
    const [row] = await system.rows<{ count: number }>(
      "select count(*)::int as count from celeriac.task where created_at > $1 and finished_at is not null",
      [since],
    );
    return (row?.count ?? 0) >= count;
  }, { within: PATIENCE });
}

/** Seconds from the fault's end until each worker has finished a task. */
async function recovery(system: Supervisor, fault: Fault, since: Date): Promise<number> {
  const ended = new Date();
  await fault.mend?.(system);
  const recovered = await eventually(
    `a task finished by each worker after "${fault.name}"`,
    async () => {
      try {
        const rows = await system.rows<{ worker: string; seconds: number }>(selectRecovered, [
          ended,
          since,
          fault.inHand ?? 0,
        ]);
        const each = system.workers.map(({ name }) => rows.find(({ worker }) => worker === name));
        return each.every((row) => row !== undefined) && each.map((row) => row!.seconds);
      } catch {
        return false; // Postgres may need a moment.
      }
    },
    { within: PATIENCE },
  );
  return Math.max(...recovered);
}

/** Waits until all accepted tasks are final, or nothing is under way any more.
 *
 * @returns ids of those that are not */
async function atRest(system: Supervisor): Promise<string[]> {
  let least = Infinity;
  let deadline = 0;
  while (true) {
    const missing = await lostTasks(system);
    if (missing.length < least) {
      least = missing.length;
      deadline = performance.now() + REST_LIMIT * 1000;
    }
    if (missing.length === 0 || performance.now() > deadline) return missing;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function depth(system: Supervisor, queue: string): Promise<number> {
  const path = `/api/queues/${system.vhost.vhost}/${queue}`;
  const found = await management(system.broker.managementUrl, "GET", path);
  return (found as { messages?: number }).messages ?? 0;
}
