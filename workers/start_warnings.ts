/** Warnings about an app that a worker logs when it starts. */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "../shared/contracts/registry.ts";
import type { Config } from "../shared/config/settings.ts";
import type { Handlers } from "./handlers.ts";

/** The worker that starts. */
export interface StartingWorker {
  readonly config: Pick<Config, "unknownTaskWait">;
  readonly registry: Registry;
  readonly handlers: Handlers;
  /** Queues that the worker consumes. */
  readonly queues: readonly string[];
}

/** Warns about tasks with native code, which permissions cannot restrict, and about tasks without a handler whose queue is consumed. */
export function warnAtStart({ config, registry, handlers, queues }: StartingWorker): void {
  for (const { name, queue, permissions } of registry) {
    if (permissions.ffi && handlers.get(name)) {
      logger.warn("Task {name} may run native code (ffi), which permissions cannot restrict", {
        name,
      });
    }
    if (queues.includes(queue) && !handlers.get(name)) {
      logger.warn(
        "Task {name} has no handler here, but its queue {queue} is consumed: its messages are offered to other workers, and dead-lettered after {seconds} s",
        { name, queue, seconds: config.unknownTaskWait },
      );
    }
  }
}

const logger = getLogger(["celeriac", "worker"]);
