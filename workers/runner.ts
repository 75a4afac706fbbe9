/** Calls handlers, inline or in a child process, and ends them in time. */
import { getLogger, type Logger } from "@logtape/logtape";
import type { TaskMessage } from "../shared/celery/message.ts";
import { stringifyJson } from "../shared/celery/json.ts";
import type { Sql } from "../shared/database/database.ts";
import { InvalidInput, Terminated, type Violation } from "../shared/errors.ts";
import type { Events } from "../shared/events.ts";
import type { Meta, Settlement } from "../shared/results/result.ts";
import type { TaskContract } from "../shared/task.ts";
import { Company } from "./company.ts";
import { abortReason } from "./abort_reason.ts";
import { completion, isCompletion } from "./completion.ts";
import { createContext } from "./context.ts";
import { violationOf } from "./denial.ts";
import type { Handler } from "./handlers.ts";
import type { Pools } from "./sandbox/pools.ts";
import { Slots } from "./slots.ts";
import { limits, startTimers, withinLimit } from "./time_limit.ts";
import { taskLog } from "./task_log.ts";
import { disowned, owned, type Owner } from "./uncaught.ts";
import type { UncaughtErrors } from "./uncaught_errors.ts";
import type { Watchdog } from "./watchdog.ts";

/** One attempt, ready to run. */
export interface Attempt {
  readonly task: TaskMessage;
  readonly queue: string;
  readonly contract: TaskContract;
  readonly handler: Handler;
  /** Arguments by name as they came; a child process parses them itself. */
  readonly raw: Record<string, unknown>;
  readonly parsed: Record<string, unknown>;
  readonly deliveries: number;
  readonly startedAt: Date;
  readonly ignoreResult: boolean;
  /** What is worth knowing of the run beside its outcome; kept in the record. */
  readonly meta: Meta;
}

/** What a runner works with. */
export interface RunnerOptions {
  /** Inline handlers at once. */
  readonly concurrency: number;
  readonly pools: Pools;
  readonly watchdog: Pick<Watchdog, "enter" | "leave">;
  readonly uncaught: Pick<UncaughtErrors, "of">;
  readonly events: Events;
  readonly node: string;
  /** Takes STARTED and PROGRESS; what comes of it is not awaited. */
  readonly writer: { settle(settlement: Settlement): Promise<boolean> };
}

/** An attempt that runs now, and the means to end it. */
interface Running {
  readonly id: string;
  /** Aborts its signal and stops waiting for it: the delivery goes back. */
  abandon(reason: Error): void;
  /** Ends it with an error: its child by SIGKILL; an inline handler is told by its signal and not waited for. */
  end(error: Error): void;
}

/** JSON text of a result, or what gives it in the transaction that makes it final. */
export type Returned = string | ((sql: Sql, signal: AbortSignal) => Promise<string>);

/** Runs attempts. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #inline: Slots;
  readonly #running = new Set<Running>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#inline = new Slots(options.concurrency);
  }

  /** Who runs beside whom. */
  readonly company: Company = new Company();

  /** Places for inline handlers. */
  get inline(): Slots {
    return this.#inline;
  }

  /** Handlers running now. */
  get running(): number {
    return this.#running.size;
  }

  /** Places for attempts of a contract. */
  slots(contract: TaskContract): Slots {
    return contract.run === "process" ? this.#options.pools.slots(contract) : this.#inline;
  }

  /** Lets nothing start any more. */
  close(): void {
    this.company.close();
    this.#inline.close();
    this.#options.pools.close();
  }

  /** Aborts the signals of all attempts and stops waiting for them: their deliveries go back. */
  abandon(reason: Error): void {
    for (const running of this.#running) running.abandon(reason);
  }

  /** Ends what runs of a task: its child by SIGKILL; an inline handler is told by its signal and not waited for. The outcome is `revoked`.
   *
   * @returns whether anything ran */
  terminate(id: string, reason: Terminated = new Terminated()): boolean {
    let found = false;
    for (const running of this.#running) {
      if (running.id !== id) continue;
      found = true;
      running.end(reason);
    }
    return found;
  }

  /** Runs one attempt.
   *
   * @returns JSON text of the result, or how to get it in the final transaction, or `undefined` when the attempt was abandoned
   * @throws whatever the handler throws; `TimeLimitExceeded`; {@linkcode Terminated} */
  async run(attempt: Attempt): Promise<Returned | undefined> {
    this.#started(attempt);
    const controller = new AbortController();
    const { promise: ended, resolve, reject } = Promise.withResolvers<undefined>();
    const inChild = attempt.contract.run === "process";
    const terminator = inChild ? new AbortController() : undefined;
    const running: Running = {
      id: attempt.task.id,
      abandon: (reason) => {
        owned(owner, () => controller.abort(reason));
        resolve(undefined);
      },
      end: (error) => {
        if (terminator) return terminator.abort(error);
        reject(error); // first: what the handler makes of its signal counts no more
        owned(owner, () => controller.abort(error));
      },
    };
    // A child fails by its own word.
    const owner = this.#options.uncaught.of(attempt, inChild ? () => {} : running.end);
    const timers = inChild ? [] : owned(owner, () => startTimers(attempt, running, controller));
    this.#running.add(running);
    try {
      const result = terminator
        ? this.#inChild(attempt, owner, controller.signal, terminator.signal)
        : this.#inHouse(attempt, owner, controller.signal);
      return result instanceof Promise ? await Promise.race([result, ended]) : result;
    } catch (error) {
      const denied = inChild ? undefined : violationOf(error, attempt.contract);
      if (denied) this.#violated(attempt, denied.violation, denied.message);
      throw denied ?? error;
    } finally {
      owner.over();
      this.#running.delete(running);
      if (!inChild) this.#options.watchdog.leave(attempt);
      for (const timer of timers) clearTimeout(timer);
    }
  }

  #inHouse(attempt: Attempt, owner: Owner, signal: AbortSignal): Returned | Promise<Returned> {
    const { task, contract, handler, parsed, deliveries, ignoreResult } = attempt;
    let pledged: unknown;
    const context = createContext({
      signal,
      id: task.id,
      attempt: task.retries + 1,
      deliveries,
      log: taskLog({ id: task.id, task: task.task }),
      progress: (value) => disowned(() => this.#progress(attempt, value)),
      complete: (work) => {
        if (!ignoreResult) return pledged = completion(work);
        throw new InvalidInput(
          `Cannot complete task '${task.task}' in a transaction as no record of it is kept: leave ignoreResult out`,
        );
      },
    });
    const toJson = (value: unknown) =>
      stringifyJson(contract.output ? contract.output.parse(value) : value);
    const serialise = (value: unknown): Returned => {
      if (isCompletion(value)) {
        return async (sql, signal) =>
          toJson(await withinLimit(attempt, signal, () => value.work(sql)));
      }
      if (pledged === undefined) return toJson(value);
      throw new InvalidInput(
        `Cannot finish task '${task.task}' as its handler called context.complete() and returned something else: return what it gave`,
      );
    };
    const { watchdog } = this.#options;
    const returned: unknown = watchdog.enter(
      attempt,
      () => owned(owner, () => handler.run(parsed, context)),
    );
    if (!isThenable(returned)) return serialise(returned);
    return Promise.resolve(returned).then(serialise, (error) => {
      throw abortReason(error, signal);
    });
  }

  #inChild(
    attempt: Attempt,
    owner: Owner,
    signal: AbortSignal,
    terminate: AbortSignal,
  ): Promise<string> {
    const { task, contract, raw, deliveries } = attempt;
    const log = taskLog({ id: task.id, task: task.task });
    return this.#options.pools.run(contract, {
      id: task.id,
      name: contract.name,
      input: raw,
      attempt: task.retries + 1,
      deliveries,
      timeLimit: limits(attempt),
    }, {
      signal,
      terminate,
      onProgress: (value) => this.#progress(attempt, value),
      onUncaught: (error) => owner.uncaught(error),
      onViolation: (violation, what) => this.#violated(attempt, violation, what),
      onLog: ({ level, message, properties }) => log[level](message, properties),
    });
  }

  #violated({ task, meta }: Attempt, violation: Violation, what: string): void {
    (meta.violations ??= []).push({ violation, what });
    this.#options.events.emit({
      type: "task-violated",
      id: task.id,
      name: task.task,
      violation,
      what,
    });
  }

  #started(attempt: Attempt): void {
    const { task } = attempt;
    this.#options.events.emit({ type: "task-started", id: task.id, name: task.task });
    this.#note(attempt, "STARTED", null);
  }

  #progress(attempt: Attempt, value: unknown): void {
    const { task } = attempt;
    this.#options.events.emit({
      type: "task-progress",
      id: task.id,
      name: task.task,
      progress: value,
    });
    this.#note(attempt, "PROGRESS", stringifyJson(value));
  }

  /** Not awaited: a state on the way is worth no waiting, and the final one replaces it. */
  #note(attempt: Attempt, state: "STARTED" | "PROGRESS", result: string | null): void {
    if (attempt.ignoreResult) return;
    const { task, queue, startedAt } = attempt;
    this.#options.writer.settle({
      id: task.id,
      name: task.task,
      queue,
      worker: this.#options.node,
      state,
      argsRepr: task.argsRepr,
      kwargsRepr: task.kwargsRepr,
      result,
      exception: null,
      traceback: null,
      retries: task.retries,
      startedAt,
      next: null,
    }).catch((error) =>
      logger.warn("State {state} of task {id} was not stored: {error}", {
        state,
        id: task.id,
        error,
      })
    );
  }
}

const logger: Logger = getLogger(["celeriac", "worker"]);

/** A promise, or a query that begins when it is awaited, as query builders give. */
function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value &&
    typeof value.then === "function";
}
