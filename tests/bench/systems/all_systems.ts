/** All systems, in the order of the tables.
 * @module
 */
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

const SYSTEMS: readonly System[] = [
  celeriac(1),
  celeriac(2),
  bareLoop({ promises: ["record"] }),
  bareLoop({ promises: [], name: "bare amqplib loop, three columns", abilities: ["drain"] }),
  bareApi(true),
  bareApi(false),
  bullmq("everysec"),
  bullmq("always"),
  pgBoss("notify"),
  pgBoss("polling"),
  graphileWorker(),
  ...celeryVariants(),
];
