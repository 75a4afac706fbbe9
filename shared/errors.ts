/** The one tree of errors. Each class says who may catch it.
 *
 * Messages follow one grammar: "Cannot DO THING because REASON: REMEDY".
 * @module
 */

/** Root of all errors that Celeriac throws on purpose. */
export class CeleriacError extends Error {
  /** Takes a message of the form "Cannot DO THING because REASON: REMEDY". */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A setting, flag or module given by the operator is wrong. Caught by the entry points only, which print it and exit with 2. */
export class ConfigurationError extends CeleriacError {}

/** A file that a `_FILE` variable names is not there. Caught by the command line, which in a container waits for it. */
export class SecretMissing extends ConfigurationError {
  /** @param path of the file */
  constructor(message: string, readonly path: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** What the caller gave does not fit: the API turns it into a 4xx. */
export class InvalidInput extends CeleriacError {
  /** @param field JSON path of what is wrong, such as `kwargs.x`, or `undefined` for the whole. */
  constructor(message: string, readonly field?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The arguments of a task do not fit its contract: Python raises `TypeError`, as for a function that is called wrongly. */
export class WrongArguments extends InvalidInput {}

/** A workflow takes more bytes to send than one may. The API turns it into 413. */
export class WorkflowTooLarge extends InvalidInput {}

/** The broker has no queue for this message. Caught by whoever publishes: waiting does not mend it. */
export class Unroutable extends CeleriacError {}

/** The broker did not take responsibility: down, blocked, refused by overflow, or the confirm came too late. Caught by the publisher, which turns to the outbox. */
export class BrokerUnavailable extends CeleriacError {}

/** A message was not handed to the broker at all. Caught by the relay, which does not count it as an attempt. */
export class NotSent extends BrokerUnavailable {}

/** The broker is there, but a queue or exchange that we need is not and we may not make it. Caught by the entry points and by readiness. */
export class TopologyMissing extends CeleriacError {}

/** RabbitMQ dead-lettered the message of a task: its queue's delivery limit, length limit or TTL. Stored in the task's record. */
export class DeadLettered extends CeleriacError {}

/** The database cannot be reached. Caught where work can wait for it, and by the API, which answers 503. */
export class DatabaseUnavailable extends CeleriacError {}

/** There was no connection to the database: the statement was not sent. Caught where it matters that nothing can have been written. */
export class DatabaseUnreached extends DatabaseUnavailable {}

/** The database refused a statement. Caught where the data may be at fault, to spare what was sent with it.
 *
 * @param code the SQLSTATE */
export class DatabaseRefused extends CeleriacError {
  constructor(message: string, readonly code: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Neither the broker nor the outbox could take a message, or too much waits for one of them already. Caught by the API, which answers 503 with `Retry-After`. */
export class Unavailable extends CeleriacError {}

/** Neither broker nor database has said that it holds a task, but one of them may. The API answers 503 and names the ids.
 *
 * @param ids of the tasks, or of the workflow */
export class OutcomeUnknown extends Unavailable {
  constructor(message: string, readonly ids: readonly string[], options?: ErrorOptions) {
    super(message, options);
  }
}

/** A delivery that cannot be understood. Caught by the executor, which sends it to the dead letters.
 *
 * @param id the task's id where it could still be read */
export class Malformed extends CeleriacError {
  constructor(message: string, readonly id?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A delivery whose content type is not JSON, such as pickle. Caught as {@linkcode Malformed} is. */
export class ContentTypeRefused extends Malformed {}

/** A handler chooses another attempt. */
export class Retry extends CeleriacError {
  /** Seconds until the next attempt; the contract's policy decides when absent. */
  readonly countdown?: number;
  /** Takes the seconds until the next attempt in `options.countdown`. */
  constructor(
    message = "Retry asked for by the handler",
    options: ErrorOptions & { countdown?: number } = {},
  ) {
    super(message, options);
    if (options.countdown !== undefined) this.countdown = options.countdown;
  }
}

/** A handler gives its task up, as with Celery's `Ignore`: its record becomes `REVOKED`, no other attempt and no errback follow.
 * Caught by the worker. */
export class Ignore extends CeleriacError {
  /** Says why, for whoever reads the code. */
  constructor(message = "Ignored by the handler", options?: ErrorOptions) {
    super(message, options);
  }
}

/** A handler sets its message aside: dead letter, FAILURE, no further attempt. */
export class Reject extends CeleriacError {}

/** A handler asked for another attempt by {@linkcode Retry}, named no cause, and there is no attempt left. */
export class MaxRetriesExceeded extends CeleriacError {}

/** The soft time limit passed while the handler ran: the reason of `context.signal`. */
export class SoftTimeLimitExceeded extends CeleriacError {
  /** Takes the limit in seconds. */
  constructor(readonly seconds: number) {
    super(`Soft time limit of ${seconds} s exceeded`);
  }
}

/** The hard time limit passed: the run was ended. */
export class TimeLimitExceeded extends CeleriacError {
  constructor(readonly seconds: number) {
    super(`Time limit of ${seconds} s exceeded`);
  }
}

/** The attempt was ended while it ran, as somebody asked for it: its outcome is `revoked`. */
export class Terminated extends CeleriacError {
  constructor(message = "Ended on request") {
    super(message);
  }
}

/** What a task did that its contract does not allow: access of a kind, or more than its share. */
export type Violation =
  | "read"
  | "write"
  | "net"
  | "env"
  | "sys"
  | "run"
  | "ffi"
  | "import"
  | "memory"
  | "cpu"
  | "folder"
  | "time"
  | "output"
  | "channel"
  | "timers"
  | "intrinsics";

/** Access that was denied, not a share that was used up: another attempt would do the same. */
const DENIED: ReadonlySet<Violation> = new Set<Violation>([
  ...["read", "write", "net", "env", "sys", "run", "ffi", "import", "channel"] as const,
]);

/** A task in a child process did what its contract does not allow: it was denied, or the child was ended. */
export class PolicyViolation extends CeleriacError {
  constructor(message: string, readonly violation: Violation, options?: ErrorOptions) {
    super(message, options);
  }

  /** Whether another attempt is of no use. */
  get denied(): boolean {
    return DENIED.has(this.violation);
  }
}

/** What a handler returned breaks the output of its contract. */
export class InvalidOutput extends CeleriacError {}

/** A result is larger than the worker stores. No other attempt follows. */
export class ResultTooLarge extends CeleriacError {}

/** The handler left an error uncaught while it ran: its cause. */
export class UncaughtError extends CeleriacError {}

/** The child process that ran the task died. */
export class WorkerLost extends CeleriacError {}
