/** All error classes. Each documents who catches it.
 *
 * Messages follow one grammar: "Cannot DO THING because REASON: REMEDY".
 * @module
 */

/** Base class of all errors that Celeriac throws on purpose. */
export class CeleriacError extends Error {
  /** Takes a message of the form "Cannot DO THING because REASON: REMEDY". */
  constructor(message?: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** A setting, flag or module is invalid. Caught by the entry points only, which print it and exit with 2. */
export class ConfigurationError extends CeleriacError {}

/** The file of a `_FILE` variable does not exist. Caught by the command line, which waits for it in a container. */
export class SecretMissing extends ConfigurationError {
  /** @param path of the file */
  constructor(message: string, readonly path: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Invalid input of a caller: the API answers 4xx. */
export class InvalidInput extends CeleriacError {
  /** @param field JSON path of the invalid value, such as `kwargs.x`, or `undefined` for the whole input. */
  constructor(message: string, readonly field?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** The arguments of a task do not match its contract: Python raises `TypeError`, as for a wrong function call. */
export class WrongArguments extends InvalidInput {}

/** The messages of a workflow exceed the byte limit. The API answers 413. */
export class WorkflowTooLarge extends InvalidInput {}

/** The broker has no queue for this message. Caught by the publisher. */
export class Unroutable extends CeleriacError {}

/** The broker did not confirm: it is down, blocked, rejected the message because of an overflow, or was too slow. Caught by the publisher, which uses the outbox instead. */
export class BrokerUnavailable extends CeleriacError {}

/** A queue rejected the message: it is full, or shutting down. Caught like its base class, and by the forwarder of events. */
export class PublishRefused extends BrokerUnavailable {}

/** The message was not sent to the broker. Caught by the relay, which does not count it as an attempt. */
export class NotSent extends BrokerUnavailable {}

/** A required queue or exchange does not exist and this user may not declare it. Caught by the entry points and by readiness. */
export class TopologyMissing extends CeleriacError {}

/** RabbitMQ dead-lettered the task's message because of a delivery limit, length limit or TTL. Stored in the task's record. */
export class DeadLettered extends CeleriacError {}

/** The database is unreachable. Caught where work can wait for it, and by the API, which answers 503. */
export class DatabaseUnavailable extends CeleriacError {}

/** There was no database connection, so the statement was not sent. Caught where it matters that nothing was written. */
export class DatabaseUnreached extends DatabaseUnavailable {}

/** The database ended a statement at its time limit. Caught by lists, which return what they have found, and by the API, which answers 503. */
export class DatabaseTooSlow extends DatabaseUnavailable {}

/** The database rejected a statement. Caught where one item may be invalid, so that the others of its batch are retried.
 *
 * @param code the SQLSTATE */
export class DatabaseRefused extends CeleriacError {
  constructor(message: string, readonly code: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** Neither broker nor outbox could store a message, or too many messages are pending. Caught by the API, which answers 503 with `Retry-After`. */
export class Unavailable extends CeleriacError {}

/** Neither broker nor database confirmed a task in time, but one of them may have it. The API answers 503 with the ids.
 *
 * @param ids ids of the tasks, or of the workflow */
export class OutcomeUnknown extends Unavailable {
  constructor(message: string, readonly ids: readonly string[], options?: ErrorOptions) {
    super(message, options);
  }
}

/** A malformed delivery. Caught by the executor, which dead-letters it.
 *
 * @param id the task's id, if it could be read */
export class Malformed extends CeleriacError {
  constructor(message: string, readonly id?: string, options?: ErrorOptions) {
    super(message, options);
  }
}

/** A delivery whose content type is not JSON, such as pickle. Caught as {@linkcode Malformed} is. */
export class ContentTypeRefused extends Malformed {}

/** A handler requests another attempt. */
export class Retry extends CeleriacError {
  /** Seconds until the next attempt; default: the contract's policy. */
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

/** A handler abandons its task, like Celery's `Ignore`: the record becomes `REVOKED`, without further attempts or errbacks.
 * Caught by the worker. */
export class Ignore extends CeleriacError {
  /** Takes a reason for readers of the code. */
  constructor(message = "Ignored by the handler", options?: ErrorOptions) {
    super(message, options);
  }
}

/** A handler dead-letters its message: FAILURE, no further attempt. */
export class Reject extends CeleriacError {}

/** A handler threw {@linkcode Retry} without a cause, and no attempt is left. */
export class MaxRetriesExceeded extends CeleriacError {}

/** The soft time limit passed: the reason of `context.signal`. */
export class SoftTimeLimitExceeded extends CeleriacError {
  /** Takes the limit in seconds. */
  constructor(readonly seconds: number) {
    super(`Soft time limit of ${seconds} s exceeded`);
  }
}

/** The hard time limit passed: the attempt was ended. */
export class TimeLimitExceeded extends CeleriacError {
  constructor(readonly seconds: number) {
    super(`Time limit of ${seconds} s exceeded`);
  }
}

/** The running attempt was terminated on request: its outcome is `revoked`. */
export class Terminated extends CeleriacError {
  constructor(message = "Ended on request") {
    super(message);
  }
}

/** A violation of a contract: a kind of access, or an exceeded limit. */
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

/** Whether it is a denied access instead of an exceeded limit: a retry would fail again. */
const DENIED: ReadonlySet<Violation> = new Set<Violation>([
  ...["read", "write", "net", "env", "sys", "run", "ffi", "import", "channel"] as const,
]);

/** A task in a child process violated its contract: access was denied, or the child was ended. */
export class PolicyViolation extends CeleriacError {
  constructor(message: string, readonly violation: Violation, options?: ErrorOptions) {
    super(message, options);
  }

  /** Whether a retry is useless. */
  get denied(): boolean {
    return DENIED.has(this.violation);
  }
}

/** The result of a handler does not match the output schema of its contract. */
export class InvalidOutput extends CeleriacError {}

/** The result exceeds the worker's size limit. It is not retried. */
export class ResultTooLarge extends CeleriacError {}

/** The handler left an uncaught error, which is the cause. */
export class UncaughtError extends CeleriacError {}

/** The child process that ran the task died. */
export class WorkerLost extends CeleriacError {}
