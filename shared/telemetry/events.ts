/** The one catalogue of what happens. Logs, metrics, Celery's event exchange and tests feed on it. */

/** Something that happened to a task in a worker; the names are Celery's (celery/events/event.py), in our spelling. */
export type TaskEvent =
  /** A task that a worker sent: what follows another one, or what a handler submitted. */
  | {
    readonly type: "task-sent";
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
    readonly exchange: string;
    readonly routingKey: string;
  }
  | {
    readonly type: "task-received";
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
    /** It came before its time, this worker does not know its task, its task is in flight already, or it has waited here for long. */
    readonly why: "early" | "unknown" | "duplicate" | "parked";
  }
  | {
    readonly type: "task-rejected";
    readonly id: string | null;
    readonly name: string | null;
    readonly reason: string;
    readonly message: string;
  }
  /** It did what its contract does not allow, and was denied or ended for it. */
  | {
    readonly type: "task-violated";
    readonly id: string;
    readonly name: string;
    readonly violation: string;
    readonly what: string;
  }
  /** Its handler held the worker's event loop so many seconds; not `sure` when others ran beside it. */
  | {
    readonly type: "task-blocked";
    readonly id: string;
    readonly name: string;
    readonly seconds: number;
    readonly sure: boolean;
  }
  /** Its handler left an error uncaught; `late` when the run was over by then. */
  | {
    readonly type: "task-uncaught";
    readonly id: string;
    readonly name: string;
    readonly traceback: string;
    readonly late: boolean;
  };

/** Hears events. Must not throw and must not wait. */
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
