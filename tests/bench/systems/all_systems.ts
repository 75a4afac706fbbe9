/** All systems, in the order of the tables.
 * @module
 */
import { bullmq } from "./bullmq.ts";
import { celeriac } from "./celeriac.ts";
import { celeryVariants } from "./celery.ts";
import { bareApi, bareLoop, samePromises } from "./floors.ts";
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
