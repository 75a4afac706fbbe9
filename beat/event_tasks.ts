/** The tasks that an event becomes. Pure. */
import type { CloudEvent } from "../shared/events/cloud_event.ts";
import { taskBody, type TaskReprs, taskReprs } from "../shared/celery/message.ts";
import { argumentsFrom, type EventArguments } from "../shared/events/event_arguments.ts";
import { eventTaskId } from "../shared/events/event_key.ts";
import type { NewSubscription } from "../shared/events/subscription_store.ts";
import { stringifyJson } from "../shared/celery/python_json.ts";
import { InvalidInput } from "../shared/errors.ts";
import { checkHeaders } from "../shared/broker/header_limit.ts";
import { type PreparedTask, prepareTask } from "../shared/outbox/prepared_task.ts";

/** Header with the key of the event that became a task. */
export const EVENT_HEADER = "celeriac-event";
/** Header with the name of the subscription. */
export const SUBSCRIPTION_HEADER = "celeriac-subscription";

/** Arguments of a task, and how its message has them. */
interface EncodedArguments {
  readonly kwargs: Record<string, unknown>;
  readonly reprs: TaskReprs;
  readonly body: Uint8Array;
}

/** The arguments that an event gives to its tasks. Subscriptions that take the same ones share their encoding, which is a third of the work
 * for a task. */
export class ArgumentsOfEvent {
  readonly #event: CloudEvent;
  readonly #known = new Map<string, EncodedArguments>();

  constructor(event: CloudEvent) {
    this.#event = event;
  }

  /** @throws {InvalidInput} when the event has no arguments */
  take(args: EventArguments): EncodedArguments {
    const key = typeof args === "string" ? args : JSON.stringify(args);
    const known = this.#known.get(key);
    if (known) return known;
    const signature = { task: "", args: [], kwargs: argumentsFrom(this.#event, args), options: {} };
    const { kwargs } = signature;
    checkSize(kwargs);
    const encoded = { kwargs, reprs: taskReprs(signature), body: taskBody(signature) };
    this.#known.set(key, encoded);
    return encoded;
  }
}

/** Arguments that may contain a whole event, without more than a message may have. */
const WHOLE_MAX = 8;

/** Characters of all arguments: the limit of a message. */
const CHARACTERS_MAX = 64 * 1024 * 1024;

/** Many pointers to one large value would exhaust the memory before the message is complete.
 *
 * @throws {InvalidInput} */
function checkSize(kwargs: Record<string, unknown>): void {
  const values = Object.values(kwargs);
  if (values.length <= WHOLE_MAX) return;
  let characters = 0;
  for (const value of values) {
    characters += stringifyJson(value).length;
    if (characters <= CHARACTERS_MAX) continue;
    throw new InvalidInput(
      `Cannot take arguments from the event because they have more than ${CHARACTERS_MAX} characters: select parts of the event`,
      "args",
    );
  }
}

/** The task of one event by one subscription. It has the same id each time.
 *
 * @param context.origin the sender in Celery's format, `gen<pid>@<host>`
 * @param given shared by the tasks of the event
 * @param context.replay id of a replay that makes tasks anew. Default: the event's first task
 * @throws {InvalidInput} when the event has no arguments for it, or the broker could never accept its message */
export function eventTask(
  { event, key, given = new ArgumentsOfEvent(event) }: {
    event: CloudEvent;
    key: string;
    given?: ArgumentsOfEvent;
  },
  { name, deliver: { task, queue, args } }: Pick<NewSubscription, "name" | "deliver">,
  { replay, ...context }: { origin: string; now: Date; replay?: string },
): PreparedTask {
  const headers = { [EVENT_HEADER]: key, [SUBSCRIPTION_HEADER]: name };
  const { kwargs, ...encoded } = given.take(args);
  const prepared = prepareTask({
    task,
    args: [],
    kwargs,
    options: { taskId: eventTaskId(key, name, replay), queue, headers },
  }, { ...context, ...encoded });
  checkHeaders(prepared.entry.message.headers);
  return prepared;
}
