/** All tasks of a batch are published, and the transaction that records its events is open. */
import { EventStore } from "../../../shared/events/event_store.ts";
import { exitAfter } from "./exit_after.ts";

exitAfter(EventStore.prototype, "record");
