/** One run of the matrix: load, repeated fault injection and verification.
 * @module
 */
import { DEAD_QUEUE } from "../../shared/broker/topology.ts";
import { eventually } from "../support/eventually.ts";
import { management } from "../support/servers.ts";
import type { Fault } from "./fault.ts";
import { readAcceptedLog } from "./accepted_log.ts";
import { Load, type LoadOptions } from "./load.ts";
import type { Observation } from "./observation.ts";
import { countViolations, expectTasks, lostTasks, resetVerification } from "./verification.ts";
import type { Supervisor } from "./supervisor.ts";
import { LONG_EVERY } from "./workload.ts";

/** Timeout of a recovery in seconds, above its limit: a measured violation is more useful than a timeout. */
const PATIENCE = 60;
/** Seconds in which a backlog must shrink. */
const REST_LIMIT = 180;

const selectNow = "select now() as now";
/** Excludes long tasks: one that was unacked before the fault does not show that a worker consumes again. */
const selectRecovered = `
  select worker, extract(epoch from min(finished_at) - $1::timestamptz)::float8 as seconds
  from celeriac.task
  where created_at > $2::timestamptz and finished_at > $1::timestamptz + $3 * interval '1 second'
    and name = 'chaos.work' and (result #>> '{}')::int % ${LONG_EVERY} <> ${LONG_EVERY - 1}
  group by worker`;
const selectLetters = "select count(*)::int as count from celeriac.dead_letter";
/** Runs a fault under load.
 *
 * @throws if the system does not become idle; the message contains its state */
export async function runFault(
  system: Supervisor,
  fault: Fault,
  { cycles, ...options }: LoadOptions & { cycles: number },
): Promise<Observation> {
  const folder = await Deno.makeTempDir({ prefix: "celeriac-chaos-" });
  try {
    const path = `${folder}/accepted`;
    const since = await now(system);
    await resetVerification(system);
    await fault.begin?.(system);
    await using load = await Load.start(system, path, {
      ...options,
      events: fault.events ?? false,
    });
    await finishedSome(system, since, 200);
    const recoveries: number[] = [];
    for (let cycle = 0; cycle < cycles; cycle++) {
      await fault.provoke(system, load, cycle);
      recoveries.push(await recovery(system, fault, since));
    }
    const summary = await load.stop();
    const ended = performance.now();
    const { accepted, problems } = await readAcceptedLog(path);
    if (problems.length > 0) {
      throw new Error(
        `The API sent a response that no fault can cause: ${JSON.stringify(problems[0])}`,
      );
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
      ...await countViolations(system),
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

/** Describes the state of a failed system. */
export async function diagnose(system: Supervisor): Promise<string> {
  const describe = async (what: string, look: () => Promise<unknown>) => {
    const seen = await look().catch((error: Error) => error.message);
    return `${what}: ${typeof seen === "string" ? seen : JSON.stringify(seen)}`;
  };
  const parts = [
    await describe(
      "states",
      () =>
        system.rows(
          "select state, worker, count(*)::int, max(finished_at) from celeriac.task group by 1, 2",
        ),
    ),
    await describe(
      "outbox",
      () => system.rows("select count(*)::int, min(due_at), max(last_error) from celeriac.outbox"),
    ),
    await describe("queues", () =>
      management(
        system.broker.managementUrl,
        "GET",
        `/api/queues/${system.vhost.vhost}?columns=name,messages_ready,messages_unacknowledged,consumers`,
      )),
  ];
  const roles = [...system.apis, ...system.workers, ...system.beats];
  return [...parts, ...roles.map((role) => `== ${role.name}\n${role.output}`)].join("\n");
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

/** Seconds from the end of the fault until every worker has finished a task. */
async function recovery(system: Supervisor, fault: Fault, since: Date): Promise<number> {
  const ended = new Date();
  await fault.recover?.(system);
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
        return false; // Postgres may not be ready yet
      }
    },
    { within: PATIENCE },
  );
  return Math.max(...recovered);
}

/** Waits until all accepted tasks are final or the system is idle.
 *
 * @returns ids of tasks that are not final */
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
