/** Read-only commands of `celery inspect` and Flower (celery/worker/control.py). */
import { queueInfo, taskInfo } from "../../shared/celery/inspection.ts";
import { repr } from "../../shared/celery/repr.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { destinationOf } from "../../shared/broker/topology.ts";
import type { InFlightDelivery } from "../delivery/in_flight.ts";
import type { CommandArguments } from "./command_arguments.ts";
import type { Command, ControlContext } from "./control_context.ts";

/** Priority of entries in Celery's timer. */
const TIMER_PRIORITY = 6;

/** State of a delivery in flight. */
type Standing = "active" | "scheduled" | "reserved";

/** Commands by name. */
export const INSPECT_COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["ping", () => ({ ok: "pong" })],
  ["clock", (_, { clock }) => ({ clock: clock.tick() })],
  ["stats", (_, context) => context.info.stats(context)],
  ["conf", (_, context) => context.info.conf(context)],
  ["report", (_, context) => ({ ok: context.info.report(context) })],
  ["active", (given, context) => list("active", context, given.flag("safe"))],
  ["reserved", (_, context) => list("reserved", context, false)],
  ["scheduled", (_, context) => schedule(context)],
  ["revoked", (_, { revocations }) => revocations.ids],
  ["registered", registered],
  ["active_queues", (_, { worker }) => {
    return worker().queues.map((queue) => queueInfo(queue, destinationOf(queue).exchange));
  }],
  ["query_task", queryTask],
  // Not one of Celery's commands.
  ["paused", (_, { pauses }) => {
    return pauses.all.map(({ scope, name, reason, pausedAt }) => ({
      scope,
      name,
      reason,
      paused_at: pausedAt.toISOString(),
    }));
  }],
  ["heartbeat", (_, { heartbeat }) => heartbeat.beat()],
]);

function standings(
  { inFlight, rates }: ControlContext,
): [Standing, InFlightDelivery, number | undefined][] {
  const turns = rates.turns;
  return Array.from(inFlight, (held) => {
    const due = turns.get(held.task.id) ?? held.task.eta?.getTime();
    if (held.startedAt !== null) return ["active", held, due];
    return [due !== undefined && due > Date.now() ? "scheduled" : "reserved", held, due];
  });
}

function list(wanted: Standing, context: ControlContext, safe: boolean): unknown[] {
  return standings(context).filter(([standing]) => standing === wanted)
    .map(([, held]) => shown(held, context, safe));
}

/** Tasks that wait in this worker until they are due. A task that is due more than a second later waits in the outbox. */
function schedule(context: ControlContext): unknown[] {
  return standings(context).filter(([standing]) => standing === "scheduled").map((
    [, held, due],
  ) => ({
    eta: new Date(due ?? 0).toISOString(),
    priority: TIMER_PRIORITY,
    request: shown(held, context, false),
  }));
}

function shown(
  { delivery, task, startedAt }: InFlightDelivery,
  { name }: ControlContext,
  safe: boolean,
) {
  const { message, redelivered } = delivery;
  const { exchange, routingKey, properties, body } = message;
  const size = body.length;
  const standing = { redelivered, acknowledged: delivery.leased, startedAt };
  const inFlight = { task, exchange, routingKey, properties, size, ...standing };
  return taskInfo(inFlight, { node: name, pid: Deno.pid, safe });
}

/** Task names, with the requested attributes that the contract has: `images.thumbnail [rate_limit=10/m]`.
 * Default: the rate limit. */
function registered(given: CommandArguments, { contracts }: ControlContext): string[] {
  const asked = given.texts("taskinfoitems");
  const wanted = asked.length > 0 ? asked : ["rate_limit"];
  return Array.from(contracts, (contract) => {
    const attributes = attributesOf(contract);
    const shown = wanted.flatMap((name) => {
      const value = Object.hasOwn(attributes, name) ? attributes[name] : undefined;
      return value === undefined
        ? []
        : [`${name}=${typeof value === "string" ? value : repr(value)}`];
    });
    return shown.length > 0 ? `${contract.name} [${shown.join(" ")}]` : contract.name;
  }).sort();
}

/** Attributes of Celery's `Task` that a contract defines (celery/app/task.py). */
function attributesOf(contract: TaskContract): Record<string, unknown> {
  const { name, queue, rateLimit, timeLimit, retry, ignoreResult } = contract;
  return {
    name,
    queue,
    ...destinationAttributes(queue),
    rate_limit: rateLimit,
    time_limit: timeLimit.hard,
    soft_time_limit: timeLimit.soft,
    max_retries: retry.maxAttempts === Infinity ? undefined : retry.maxAttempts - 1,
    default_retry_delay: retry.base,
    ignore_result: ignoreResult,
    acks_late: true,
    reject_on_worker_lost: true,
    track_started: true,
    serializer: "json",
  };
}

function destinationAttributes(queue: string): Record<string, string> {
  const { exchange, routingKey } = destinationOf(queue);
  return { exchange, routing_key: routingKey };
}

function queryTask(given: CommandArguments, context: ControlContext): Record<string, unknown> {
  const ids = new Set(given.texts("ids"));
  const found = standings(context).filter(([, { task }]) => ids.has(task.id));
  return Object.fromEntries(
    found.map(([standing, held]) => [held.task.id, [standing, shown(held, context, false)]]),
  );
}
