/** Events are received, no task is published. */
import { EventStore } from "../../../shared/events/event_store.ts";
import { exitAfter } from "./exit_after.ts";

exitAfter(EventStore.prototype, "known");
