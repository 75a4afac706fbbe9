/** A relay that gives up into the tables of the same database. */
import { DeadLetters } from "../../shared/dead_letters/store.ts";
import { Outbox } from "../../shared/outbox.ts";
import { Relay, type RelayOptions } from "../../shared/relay.ts";
import { type Results, resultStore } from "../../shared/results/choice.ts";

/** Not started. */
export function relayOf(
  { results = "native", ...options }: Omit<RelayOptions, "letters" | "store"> & {
    results?: Results;
  },
): Relay {
  const { database } = options;
  const store = resultStore(results, database);
  const letters = new DeadLetters({ database, outbox: new Outbox({ database }), store });
  return new Relay({ ...options, letters, store });
}
