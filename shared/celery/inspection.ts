/** Tasks and queues in the replies to Celery's inspect commands (celery/worker/request.py, kombu/entity.py). */
import type { Properties } from "../broker/message.ts";
import type { TaskMessage } from "./task_message.ts";

/** Maximum characters of arguments. Longer ones are replaced by their representation, because one reply can hold hundreds of tasks. */
const ARGUMENTS_MAX = 1024;

/** A task that a worker has received and not finished. */
export interface ReceivedTask {
  readonly task: TaskMessage;
  readonly exchange: string;
  readonly routingKey: string;
  readonly properties: Properties;
  readonly redelivered: boolean;
  /** Whether its delivery was acknowledged before its end, as for long tasks. */
  readonly acknowledged: boolean;
  /** Bytes of the message's body. */
  readonly size: number;
  /** When its handler was called, in milliseconds since the epoch; `null` if not yet. */
  readonly startedAt: number | null;
}

/** A task in the replies to `inspect active` and similar commands.
 *
 * @param options.safe write the representations instead of the arguments
 * @returns JSON; Flower requires every field */
export function taskInfo(
  { task, exchange, routingKey, properties, redelivered, acknowledged, size, startedAt }:
    ReceivedTask,
  { node, pid, safe = false }: { node: string; pid: number; safe?: boolean },
): Record<string, unknown> {
  const short = safe || size > ARGUMENTS_MAX;
  return {
    id: task.id,
    name: task.shadow ?? task.task,
    args: short ? task.argsRepr : task.args,
    kwargs: short ? task.kwargsRepr : task.kwargs,
    type: task.task,
    hostname: node,
    time_start: startedAt === null ? null : startedAt / 1000,
    acknowledged,
    delivery_info: {
      exchange,
      routing_key: routingKey,
      priority: properties.priority ?? null,
      redelivered,
    },
    worker_pid: pid,
  };
}

/** A queue in the reply to `inspect active_queues`. If a field is missing, a page of Flower fails for every worker.
 *
 * @example
 * ```ts
 * import { queueInfo } from "./inspection.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { name, routing_key } = queueInfo("celeriac.images", "celeriac");
 * assertEquals([name, routing_key], ["celeriac.images", "celeriac.images"]);
 * ```
 */
export function queueInfo(name: string, exchange: string): Record<string, unknown> {
  return {
    name,
    exchange: {
      name: exchange,
      type: "direct",
      arguments: null,
      durable: true,
      passive: false,
      auto_delete: false,
      delivery_mode: null,
      no_declare: false,
    },
    routing_key: name,
    queue_arguments: null,
    binding_arguments: null,
    consumer_arguments: null,
    durable: true,
    exclusive: false,
    auto_delete: false,
    no_ack: false,
    alias: null,
    bindings: [],
    no_declare: null,
    expires: null,
    message_ttl: null,
    max_length: null,
    max_length_bytes: null,
    max_priority: null,
  };
}
