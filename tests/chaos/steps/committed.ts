/** A batch is recorded, and its messages are unacked. */
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { EventStore } from "../../../shared/events/event_store.ts";
import { exitAfter } from "./exit_after.ts";

let recorded = false;
const { record } = EventStore.prototype;
EventStore.prototype.record = async function (events) {
  const keys = await record.call(this, events);
  recorded ||= keys.size > 0;
  return keys;
};
exitAfter(PostgresDatabase.prototype, "transaction", { armed: () => recorded });
