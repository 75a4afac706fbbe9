/** Publishes the tasks of one event, with a bound on what is in flight. */
import type { DeadLetter } from "../shared/dead_letters/letter.ts";
import { InvalidInput } from "../shared/errors.ts";
import { eventTaskId } from "../shared/events/event_key.ts";
import type { StoredSubscription } from "../shared/events/subscription_store.ts";
import type { OutboxEntry } from "../shared/outbox/outbox.ts";
import type { PreparedTask } from "../shared/outbox/prepared_task.ts";
import { eventTask } from "./event_tasks.ts";
import { type Dispatching, eventLetter, PART_BYTES, PART_TASKS } from "./incoming_events.ts";
import { withTarget } from "./redriven_event.ts";

/** Dependencies of the functions. */
export interface TaskSending {
  readonly publisher: {
    send(entry: OutboxEntry, options: { patient: boolean }): Promise<"broker" | "outbox">;
  };
  /** The sender in Celery's format, `gen<pid>@<host>`. */
  readonly origin: string;
}

/** Publishes the tasks of one event that it does not have yet. A task without valid arguments becomes a dead letter of the event.
 *
 * At most {@linkcode PART_TASKS} tasks with {@linkcode PART_BYTES} of bodies, without the last one, are in flight. */
export async function sendTasks(
  one: Dispatching,
  subscriptions: readonly StoredSubscription[],
  { publisher, origin }: TaskSending,
): Promise<void> {
  const { tasks, letters } = one;
  let [sending, bytes]: [Promise<void>[], number] = [[], 0];
  for (const subscription of subscriptions) {
    const { name } = subscription;
    if (tasks.has(name) || letters.has(name)) continue;
    const task = preparedTask(one, subscription, origin);
    if (!task) continue;
    sending.push(send(one, name, task, publisher));
    bytes += task.entry.message.body.length;
    if (bytes < PART_BYTES && sending.length < PART_TASKS) continue;
    await Promise.all(sending);
    [sending, bytes] = [[], 0];
  }
  await Promise.all(sending);
}

function preparedTask(
  one: Dispatching,
  subscription: StoredSubscription,
  origin: string,
): PreparedTask | undefined {
  try {
    return eventTask(one, subscription, { origin, now: new Date() });
  } catch (error) {
    dead(one, subscription.name, error);
    return undefined;
  }
}

async function send(
  one: Dispatching,
  name: string,
  { task, entry }: PreparedTask,
  publisher: TaskSending["publisher"],
): Promise<void> {
  try {
    one.tasks.set(name, { ...task, via: await publisher.send(entry, { patient: true }) });
  } catch (error) {
    dead(one, name, error);
  }
}

/** Keeps the dead letter of a task that can never be sent; throws every other error. */
function dead({ key, delivery, letters }: Dispatching, name: string, error: unknown): void {
  if (!(error instanceof InvalidInput)) throw error;
  letters.set(name, taskLetter({ key, name, letter: delivery, why: error.message }));
}

/** The dead letter of an event that has no task by one subscription. A redrive dispatches the event to that subscription again.
 *
 * @param given.replay id of the replay that was to make the task. Default: the event's first task */
export function taskLetter(
  { key, name, letter, why, replay = "" }: {
    readonly key: string;
    readonly name: string;
    readonly letter: Parameters<typeof eventLetter>[0];
    readonly why: string;
    readonly replay?: string;
  },
): DeadLetter {
  const message = withTarget(letter.message, { subscription: name, replay });
  const detail = `subscription '${name}': ${why}`;
  const id = eventTaskId(key, name, `dead letter${replay}`);
  return eventLetter({ message }, "invalid-input", { detail, id });
}
