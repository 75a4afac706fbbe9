/** Calls a handler in the worker's process, and runs its completion. */
import { InvalidInput, Reject } from "../../shared/errors.ts";
import type { EventToEmit } from "../../shared/events/emitted_event.ts";
import { abortReason } from "./abort_reason.ts";
import type { Attempt, Returned } from "./attempt.ts";
import type { TransactionalCompleter } from "./transactional_completer.ts";
import { type Completion, completion, type CompletionSql, isCompletion } from "./completion.ts";
import { createContext, type TaskLog } from "./context.ts";
import type { LazyAbort } from "./lazy_abort.ts";
import { checkResultSize, encodeOutput } from "./output.ts";
import { isReplacement, type Replacement, replacement } from "./replacement.ts";
import { requestOf } from "./request.ts";
import type { Submit } from "./task_submissions.ts";
import { taskLog } from "./task_log.ts";
import { limits, withinLimit } from "./time_limit.ts";
import { disowned, type ErrorOwner, owned } from "./error_owner.ts";
import type { Watchdog } from "./watchdog.ts";

/** Dependencies and limits of {@linkcode runInline}, the same for all runs. */
export interface InlineRunOptions {
  readonly watchdog: Pick<Watchdog, "enter">;
  readonly completer: Pick<TransactionalCompleter, "complete">;
  /** Largest result, bytes of JSON. */
  readonly resultMaxBytes: number;
}

/** What belongs to one run. */
export interface InlineRun {
  /** Receives the uncaught errors of the handler. */
  readonly owner: ErrorOwner;
  /** Its signal is `context.signal`. */
  readonly abort: Pick<LazyAbort, "signal">;
  /** Aborts when the runner stops waiting for the run: its transaction is rolled back. */
  readonly over: Pick<LazyAbort, "signal">;
  progress(value: unknown): void;
  readonly submit: Submit;
  emit(event: EventToEmit): void;
  /** Called when the handler has returned a completion. Its work has a separate time limit, which excludes waiting for the database. */
  completing(): void;
}

/** Runs one attempt.
 *
 * @throws the errors of the handler and of its completion */
export function runInline(
  attempt: Attempt,
  { watchdog, completer, resultMaxBytes }: InlineRunOptions,
  { owner, abort, over, progress, completing, submit, emit }: InlineRun,
): Returned | Promise<Returned> {
  const { task, contract, handler, parsed, deliveries } = attempt;
  let pledged: Completion | Replacement | undefined;
  let log: TaskLog | undefined;
  const context = createContext({
    ...requestOf(task, limits(attempt)),
    deliveries,
    get signal() {
      return abort.signal;
    },
    get log() {
      return log ??= taskLog({ id: task.id, task: task.task });
    },
    progress: (value) => disowned(() => progress(value)),
    submit: (work, options) => disowned(() => submit(work, options)),
    emit: (event) => disowned(() => emit(event)),
    replace: (work) => pledged = replacement(work),
    complete: (work) => {
      refuse(attempt);
      return pledged = completion(work);
    },
  });
  const toJson = (value: unknown) => encodeOutput(contract, value);
  const complete = async (pledge: Completion): Promise<Returned> => {
    completing();
    const emitted = attempt.sent.events.length;
    const result = await completer.complete(attempt, over.signal, async (sql) => {
      attempt.sent.keepEvents(emitted);
      const lent: CompletionSql = {
        query: (statement, parameters) => disowned(() => sql.query(statement, parameters)),
      };
      const json = toJson(
        await withinLimit(attempt, over.signal, () => owned(owner, () => pledge.work(lent))),
      );
      // Checked here because the transaction can still be rolled back.
      checkResultSize(task.task, json, resultMaxBytes);
      return json;
    });
    return result === undefined ? "overtaken" : { result, stored: true };
  };
  const finish = (value: unknown): Returned | Promise<Returned> => {
    if (isCompletion(value)) return complete(value);
    if (isReplacement(value)) return { replacement: value.work };
    if (pledged === undefined) return { result: toJson(value), stored: false };
    throw new InvalidInput(
      `Cannot finish task '${task.task}' because its handler called context.complete() or context.replace() and returned something else: return the value of that call`,
    );
  };
  const call = () => owned(owner, () => handler.run(parsed, context));
  const returned: unknown = watchdog.enter(attempt, call);
  if (!isThenable(returned)) return finish(returned);
  const promise = owned(owner, () => Promise.resolve(returned));
  return promise.then(finish, (error) => {
    throw abortReason(error, abort.signal);
  });
}

/** Rejects a completion that could not be atomic with the record. */
function refuse({ task, ignoreResult, inSeries }: Attempt): void {
  if (ignoreResult) {
    throw new InvalidInput(
      `Cannot complete task '${task.task}' in a transaction because no record of it is kept: leave ignoreResult out`,
    );
  }
  if (inSeries) {
    throw new Reject(
      "Cannot complete a task within a map because each completion is a separate transaction: send them as a group",
    );
  }
}

/** Whether it is a promise, or a lazy query of a query builder, which starts when it is awaited. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
