/** The event of a received task. */
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { toIso } from "../../shared/celery/time.ts";
import type { TaskEvent } from "../../shared/telemetry/events.ts";

/** Creates the event `task-received`.
 *
 * @param queue that it was consumed from
 * @param redelivered whether the message may have been delivered before */
export function receivedEvent(task: TaskMessage, queue: string, redelivered: boolean): TaskEvent {
  return {
    type: "task-received",
    id: task.id,
    name: task.task,
    queue,
    args: task.argsRepr,
    kwargs: task.kwargsRepr,
    rootId: task.rootId,
    parentId: task.parentId,
    retries: task.retries,
    eta: task.eta && toIso(task.eta),
    expires: task.expires && toIso(task.expires),
    redelivered,
  };
}
