/** Dispatches events again whose dead letters are about one subscription. */
import type { Database, Sql } from "../shared/database/database.ts";
import type { DeadLetter } from "../shared/dead_letters/letter.ts";
import { InvalidInput } from "../shared/errors.ts";
import { EventStore, type RecordedEvent } from "../shared/events/event_store.ts";
import { selects } from "../shared/events/selection.ts";
import { type StoredSubscription, SubscriptionStore } from "../shared/events/subscription_store.ts";
import type { AcceptedTask } from "../shared/outbox/publisher.ts";
import { taskLetter, type TaskSending } from "./event_task_sender.ts";
import { eventTask } from "./event_tasks.ts";
import type { Redriven } from "./incoming_events.ts";

/** Dependencies of {@linkcode redrive}. */
export interface RedriveParts extends TaskSending {
  readonly database: Database;
  readonly letters: { add(letters: readonly DeadLetter[], sql: Sql): Promise<void> };
  /** Called with the task. */
  sent(task: AcceptedTask): void;
}

/** Makes the one task that an event has not become. The recorded event counts, not the message: both have the same key, but only one was
 * checked and is known to readers. If there is still no task, the event is a dead letter again.
 *
 * The order of the steps is that of the dispatcher: publish, then record. A repetition has the same task id.
 *
 * @returns what happened to the event */
export async function redrive(
  one: Redriven,
  parts: RedriveParts,
): Promise<"dispatched" | "duplicate" | "refused"> {
  const { database, publisher, origin, letters, sent } = parts;
  const { key, target: { subscription: name, replay } } = one;
  const recorded = await new EventStore({ database }).find(key);
  const subscription = await new SubscriptionStore({ database }).find(name);
  const isFirst = replay === "";
  if (isFirst && recorded && Object.hasOwn(recorded.tasks, name)) return "duplicate";
  try {
    const event = recorded?.event ?? one.event;
    const checked = checkedSubscription(subscription, { name, event });
    const { task, entry } = eventTask({ event, key }, checked, {
      origin,
      now: new Date(),
      replay,
    });
    const via = await publisher.send(entry, { patient: true });
    if (isFirst) await new EventStore({ database }).addTasks(name, [{ key, id: task.id }]);
    sent({ ...task, via });
    return "dispatched";
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    const letter = taskLetter({ key, name, letter: one.delivery, why: error.message, replay });
    await database.transaction((sql) => letters.add([letter], sql));
    return "refused";
  }
}

/** @throws {InvalidInput} when the subscription would make no task of the event now */
function checkedSubscription(
  subscription: StoredSubscription | undefined,
  { name, event }: { readonly name: string; readonly event: RecordedEvent["event"] },
): StoredSubscription {
  const refuse = (why: string) =>
    new InvalidInput(`Cannot dispatch the event again because ${why}`);
  if (!subscription) throw refuse(`there is no subscription '${name}': purge this letter`);
  if (subscription.pausedAt) throw refuse("it is paused: resume it, then redrive");
  if (selects(subscription, event)) return subscription;
  throw refuse("it no longer selects this event: correct it and redrive, or purge this letter");
}
