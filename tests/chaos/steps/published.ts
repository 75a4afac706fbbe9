/** Some tasks of a batch are published. */
import { Publisher } from "../../../shared/outbox/publisher.ts";
import { exitAfter } from "./exit_after.ts";

exitAfter(Publisher.prototype, "send", { calls: 3 });
