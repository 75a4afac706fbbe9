/** A relay that writes abandoned messages to the tables of the same database. */
import type { Broker } from "../../shared/broker/broker.ts";
import type { Database } from "../../shared/database/database.ts";
import { DeadLetters } from "../../shared/dead_letters/store.ts";
import { Outbox } from "../../shared/outbox/outbox.ts";
import { Publisher } from "../../shared/outbox/publisher.ts";
import { Registry } from "../../shared/contracts/registry.ts";
import { Relay, type RelayOptions } from "../../shared/outbox/relay.ts";
import { chordStore, type Results, resultStore } from "../../shared/results/open_store.ts";
import { TaskRouter } from "../../shared/outbox/task_router.ts";
import { FollowUps } from "../../shared/workflows/follow_ups.ts";
import { type GiveUp, givingUp, losing } from "../../shared/workflows/give_up.ts";

/** Handles abandoned messages as the API does. */
export function giveUpOf(
  { database, broker, results = "native" }: {
    database: Database;
    broker: Broker;
    results?: Results;
  },
): GiveUp {
  const store = resultStore(results, database);
  const outbox = new Outbox({ database });
  const followUps = new FollowUps({
    publisher: new Publisher({ broker, outbox, origin: "gen1@test" }),
    routes: new TaskRouter(new Registry([]), []),
    chords: chordStore(results, database),
    store,
    lose: losing({ database, store }),
  });
  return givingUp({ database, store, followUps });
}

/** Creates a relay that is not started. */
export function relayOf(
  { results = "native", ...options }: Omit<RelayOptions, "letters" | "giveUp"> & {
    results?: Results;
  },
): Relay {
  const { database, broker } = options;
  const store = resultStore(results, database);
  const letters = new DeadLetters({ database, outbox: new Outbox({ database }), store });
  return new Relay({ ...options, letters, giveUp: giveUpOf({ database, broker, results }) });
}
