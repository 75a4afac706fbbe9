/** The catalogue of task events. Logs, metrics, Celery's event exchange and tests subscribe to it. */

/** The fields of a task's message that events report; times in ISO 8601. */
interface TaskMessageFields {
  readonly id: string;
  readonly name: string;
  readonly queue: string;
  readonly args: string | null;
  readonly kwargs: string | null;
  readonly rootId: string;
  readonly parentId: string | null;
  readonly retries: number;
  readonly eta: string | null;
  readonly expires: string | null;
}

/** An event of a task in a worker; the names are Celery's (celery/events/event.py), in our spelling. */
export type TaskEvent =
  /** A worker sent a task: a follower in a workflow, or a submission by a handler. */
  | TaskMessageFields & {
    readonly type: "task-sent";
    readonly exchange: string;
    readonly routingKey: string;
  }
  | TaskMessageFields & {
    readonly type: "task-received";
    readonly redelivered: boolean;
  }
  | { readonly type: "task-started"; readonly id: string; readonly name: string }
  | {
    readonly type: "task-progress";
    readonly id: string;
    readonly name: string;
    readonly progress: unknown;
  }
  | {
    readonly type: "task-succeeded";
    readonly id: string;
    readonly name: string;
    readonly result: string;
    readonly runtime: number;
  }
  | {
    readonly type: "task-failed";
    readonly id: string;
    readonly name: string;
    readonly exception: string;
    readonly traceback: string | null;
    readonly runtime: number | null;
  }
  | {
    readonly type: "task-retried";
    readonly id: string;
    readonly name: string;
    readonly exception: string;
    readonly traceback: string | null;
    readonly delay: number;
  }
  | {
    readonly type: "task-revoked";
    readonly id: string;
    readonly name: string;
    readonly expired: boolean;
    readonly terminated: boolean;
  }
  | {
    readonly type: "task-deferred";
    readonly id: string;
    readonly name: string;
    readonly until: Date;
    /** The message was early, its task unknown to this worker or already in flight, or it had been unacked for too long. */
    readonly why: "early" | "unknown" | "duplicate" | "parked";
  }
  | {
    readonly type: "task-deferred";
    readonly id: string;
    readonly name: string;
    /** Until its queue or task is resumed. */
    readonly until: null;
    readonly why: "paused";
  }
  | {
    readonly type: "task-rejected";
    readonly id: string | null;
    readonly name: string | null;
    readonly reason: string;
    readonly message: string;
  }
  /** A handler tried what its contract does not allow, and was denied or ended. */
  | {
    readonly type: "task-violated";
    readonly id: string;
    readonly name: string;
    readonly violation: string;
    readonly what: string;
  }
  /** A handler blocked the worker's event loop for this many seconds; `sure` is false when other handlers ran at the same time. */
  | {
    readonly type: "task-blocked";
    readonly id: string;
    readonly name: string;
    readonly seconds: number;
    readonly sure: boolean;
  }
  /** A handler left an uncaught error; `late` if the attempt had already ended. */
  | {
    readonly type: "task-uncaught";
    readonly id: string;
    readonly name: string;
    readonly traceback: string;
    readonly late: boolean;
  };

/** Receives events. Must not throw and must not block. */
export type EventListener = (event: TaskEvent) => void;

/** One emitter, many listeners, called in the order of registration. */
export class Events {
  readonly #listeners: EventListener[] = [];

  on(listener: EventListener): void {
    this.#listeners.push(listener);
  }

  emit(event: TaskEvent): void {
    for (const listener of this.#listeners) listener(event);
  }
}
