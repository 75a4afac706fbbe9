/** Commands that only look: what `celery inspect` and Flower ask (celery/worker/control.py). */
import { queueInfo, taskInfo } from "../../shared/celery/inspection.ts";
import type { TaskContract } from "../../shared/task.ts";
import { destinationOf } from "../../shared/topology.ts";
import type { Held } from "../in_hand.ts";
import type { Arguments } from "./arguments.ts";
import { revokedIds } from "./mingle.ts";
import type { Command, Node } from "./node.ts";

/** Priority that Celery's timer gives what it holds. */
const TIMER_PRIORITY = 6;

/** Where a delivery in hand stands. */
type Standing = "active" | "scheduled" | "reserved";

/** Commands by name. */
export const INSPECTING: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["ping", () => ({ ok: "pong" })],
  ["clock", (_, { clock }) => ({ clock: clock.tick() })],
  ["stats", (_, node) => node.facts.stats(node)],
  ["conf", (_, node) => node.facts.conf(node)],
  ["report", (_, node) => ({ ok: node.facts.report(node) })],
  ["active", (given, node) => list("active", node, given.flag("safe"))],
  ["reserved", (_, node) => list("reserved", node, false)],
  ["scheduled", (_, node) => schedule(node)],
  ["revoked", (_, { revocations }) => revocations.ids],
  ["registered", registered],
  ["active_queues", (_, { crew }) => {
    return crew().queues.map((queue) => queueInfo(queue, destinationOf(queue).exchange));
  }],
  ["query_task", queryTask],
  ["hello", hello],
  ["heartbeat", (_, { presence }) => presence.beat()],
]);

function standings({ inHand, rates }: Node): [Standing, Held, number | undefined][] {
  const turns = rates.turns;
  return Array.from(inHand, (held) => {
    const due = turns.get(held.task.id) ?? held.task.eta?.getTime();
    if (held.startedAt !== null) return ["active", held, due];
    return [due !== undefined && due > Date.now() ? "scheduled" : "reserved", held, due];
  });
}

function list(wanted: Standing, node: Node, safe: boolean): unknown[] {
  return standings(node).filter(([standing]) => standing === wanted)
    .map(([, held]) => shown(held, node, safe));
}

/** What waits here for its time: a task that is due later than in a second waits in the outbox, and is no worker's. */
function schedule(node: Node): unknown[] {
  return standings(node).filter(([standing]) => standing === "scheduled").map(([, held, due]) => ({
    eta: new Date(due ?? 0).toISOString(),
    priority: TIMER_PRIORITY,
    request: shown(held, node, false),
  }));
}

function shown({ delivery, task, startedAt }: Held, { name }: Node, safe: boolean) {
  const { message, redelivered } = delivery;
  const { exchange, routingKey, properties, body } = message;
  const size = body.length;
  const inHand = { task, exchange, routingKey, properties, redelivered, size, startedAt };
  return taskInfo(inHand, { node: name, pid: Deno.pid, safe });
}

/** Names, with those of the attributes asked for that a contract has: `images.thumbnail [rate_limit=10/m]`. */
function registered(given: Arguments, { contracts }: Node): string[] {
  const asked = given.raw("taskinfoitems");
  const wanted = Array.isArray(asked) && asked.length > 0 ? asked : ["rate_limit"];
  return Array.from(contracts, (contract) => {
    const attributes = wanted.flatMap((name) => {
      const value = attribute(contract, String(name));
      return value === undefined ? [] : [`${name}=${value}`];
    });
    return attributes.length ? `${contract.name} [${attributes.join(" ")}]` : contract.name;
  }).sort();
}

function attribute(contract: TaskContract, name: string): string | number | undefined {
  switch (name) {
    case "rate_limit":
      return contract.rateLimit;
    case "time_limit":
      return contract.timeLimit.hard;
    case "soft_time_limit":
      return contract.timeLimit.soft;
    case "queue":
      return contract.queue;
    default:
      return undefined;
  }
}

function queryTask(given: Arguments, node: Node): Record<string, unknown> {
  const ids = new Set(given.texts("ids"));
  const found = standings(node).filter(([, { task }]) => ids.has(task.id));
  return Object.fromEntries(
    found.map(([standing, held]) => [held.task.id, [standing, shown(held, node, false)]]),
  );
}

/** A worker that starts asks its neighbours what has been revoked, and tells what it knows. */
function hello(given: Arguments, { name, clock, revocations }: Node): unknown {
  if (given.raw("from_node") === name) return undefined;
  const known = revocations.ids;
  revocations.add(revokedIds(given.raw("revoked")));
  return { revoked: known, clock: clock.tick() };
}
