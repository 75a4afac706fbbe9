/** All systems, in the order of the tables.
 * @module
 */
import { ALL_PROMISES } from "../programs/promises.ts";
import { bullmq } from "./bullmq.ts";
import { celeriac } from "./celeriac.ts";
import { celeryVariants } from "./celery.ts";
import { bareApi, bareLoop } from "./floors.ts";
import { graphileWorker, pgBoss } from "./postgres_peers.ts";
import type { Ability, System } from "./system.ts";

/** Returns the systems with an ability.
 *
 * @param peers whether to include the peers */
export function systemsWith(ability: Ability, peers: boolean): System[] {
  return SYSTEMS.filter((system) => system.abilities.includes(ability) && (peers || !system.peer));
}

/** The promises that the API keeps when it accepts a task. */
const API_PROMISES = ["message", "handler", "first state"] as const;

/** The loop that keeps the promises of Celeriac's worker, and no more. */
export function samePromises(): System {
  return bareLoop({
    promises: ALL_PROMISES,
    name: "bare amqplib loop, same promises",
    abilities: ["endToEnd", "drain"],
  });
}

const SYSTEMS: readonly System[] = [
  celeriac(1),
  celeriac(2),
  bareLoop({ promises: ["record"] }),
  bareLoop({ promises: [], name: "bare amqplib loop, three columns", abilities: ["drain"] }),
  samePromises(),
  bareApi({ name: "bare Hono handler" }),
  bareApi({ name: "bare Hono handler, same promises", promises: API_PROMISES }),
  bareApi({ name: "bare Hono handler, no publish", publishes: false }),
  bullmq("everysec"),
  bullmq("always"),
  pgBoss("notify"),
  pgBoss("polling"),
  graphileWorker(),
  ...celeryVariants(),
];
