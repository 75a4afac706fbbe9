/** Runs attempts, inline or in a child process, and enforces their time limits. */
import { getLogger, type Logger } from "@logtape/logtape";
import { parseJson, stringifyJson } from "../../shared/celery/python_json.ts";
import { Terminated, type Violation } from "../../shared/errors.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import type { Settlement } from "../../shared/results/result.ts";
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import type { FollowUps } from "../../shared/workflows/follow_ups.ts";
import type { Contracts } from "../../shared/workflows/work.ts";
import { IsolationGate } from "./isolation_gate.ts";
import { LazyAbort } from "./lazy_abort.ts";
import type { Attempt, Returned } from "./attempt.ts";
import type { TransactionalCompleter } from "./transactional_completer.ts";
import { violationOf } from "./permission_denial.ts";
import { runInline } from "./inline_run.ts";
import { checkResultSize } from "./output.ts";
import type { Pools } from "../sandbox/pools.ts";
import { requestOf } from "./request.ts";
import { RunEnd } from "./run_end.ts";
import type { SubmitOptions, SubmittedWork } from "./task_submissions.ts";
import { Semaphore } from "./semaphore.ts";
import { settlementOf } from "../delivery/settlement.ts";
import { limits, startTimers } from "./time_limit.ts";
import { taskLog } from "./task_log.ts";
import { type ErrorOwner, owned } from "./error_owner.ts";
import type { UncaughtErrors } from "./uncaught_errors.ts";
import type { Watchdog } from "./watchdog.ts";

/** Violations of one run that are stored in its record. */
const MAX_VIOLATIONS = 100;

/** Dependencies and limits of a {@linkcode Runner}. */
export interface RunnerOptions {
  /** Inline handlers that may run at the same time. */
  readonly concurrency: number;
  readonly pools: Pools;
  readonly watchdog: Pick<Watchdog, "enter" | "leave">;
  readonly uncaught: Pick<UncaughtErrors, "of">;
  readonly completer: Pick<TransactionalCompleter, "complete">;
  readonly events: Events;
  readonly node: string;
  /** Called with the duration of each run. */
  readonly ran: (queue: string, contract: TaskContract, seconds: number) => void;
  /** Contracts of the tasks that handlers submit. */
  readonly contracts: Contracts;
  readonly followUps: Pick<FollowUps, "send">;
  /** Contracts of the events that handlers emit. */
  readonly eventContracts: Pick<EventContracts, "check">;
  /** Stores STARTED and PROGRESS. Not awaited. */
  readonly writer: { settle(settlement: Settlement): Promise<boolean> };
  /** Largest result or progress value, bytes of JSON. */
  readonly resultMaxBytes: number;
}

/** A running attempt. */
interface Running {
  readonly id: string;
  /** Aborts its signal and stops waiting for it. The delivery is given back. */
  abandon(reason: Error): void;
  /** Ends it with an error. A child process gets SIGKILL. The signal of an inline handler aborts, and the runner stops waiting for it. */
  end(error: Error): void;
}

/** Runs attempts. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #inline: Semaphore;
  readonly #running = new Set<Running>();

  constructor(options: RunnerOptions) {
    this.#options = options;
    this.#inline = new Semaphore(options.concurrency);
  }

  /** Isolates suspects from other attempts. */
  readonly gate: IsolationGate = new IsolationGate();

  /** Slots for inline handlers. */
  get inline(): Semaphore {
    return this.#inline;
  }

  /** Number of running handlers. */
  get running(): number {
    return this.#running.size;
  }

  /** Slots for attempts of a contract. */
  slots(contract: TaskContract): Semaphore {
    return contract.run === "process" ? this.#options.pools.slots(contract) : this.#inline;
  }

  /** Stops admitting attempts. */
  close(): void {
    this.gate.close();
    this.#inline.close();
    this.#options.pools.close();
  }

  /** Aborts the signals of all attempts and stops waiting for them. Their deliveries are given back. */
  abandon(reason: Error): void {
    for (const running of this.#running) running.abandon(reason);
  }

  /** Ends the running attempts of a task. A child process gets SIGKILL. The signal of an inline handler aborts, and the runner stops waiting
   * for it. The outcome is `revoked`.
   *
   * @returns whether an attempt was running */
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
   * @returns its result; `undefined` if the attempt was abandoned
   * @throws the handler's errors; `TimeLimitExceeded`; {@linkcode Terminated} */
  async run(attempt: Attempt): Promise<Returned | undefined> {
    this.#started(attempt);
    const began = performance.now();
    const controller = new LazyAbort();
    const over = new LazyAbort();
    const ended = new RunEnd();
    const inChild = attempt.contract.run === "process";
    const terminator = inChild ? new AbortController() : undefined;
    const running: Running = {
      id: attempt.task.id,
      abandon: (reason) => {
        ended.abandon();
        over.abort(reason);
        owned(owner, () => controller.abort(reason));
      },
      end: (error) => {
        if (terminator) return terminator.abort(error);
        ended.fail(error); // first, so that the handler's reaction to its signal does not count
        over.abort(error);
        owned(owner, () => controller.abort(error));
      },
    };
    // A child process reports the failure itself.
    const owner = this.#options.uncaught.of(attempt, inChild ? () => {} : running.end);
    const timers = inChild
      ? undefined
      : owned(owner, () => startTimers(attempt, running, controller));
    this.#running.add(running);
    try {
      const result = terminator
        ? this.#inChild(attempt, owner, controller.signal, terminator.signal)
        : runInline(attempt, this.#options, {
          owner,
          abort: controller,
          over,
          progress: (value) => this.#progress(attempt, value),
          submit: (work, options = {}) => this.#submit(attempt, work, options),
          emit: (event) => attempt.sent.emit(event, this.#options.eventContracts),
          completing: () => clearTimeout(timers?.hard),
        });
      if (!(result instanceof Promise)) return result;
      // A handler without await has ended before a state could be stored.
      this.#note(attempt, "STARTED", null);
      return await Promise.race([result, ended.promise]);
    } catch (error) {
      const denied = inChild ? undefined : violationOf(error, attempt.contract);
      if (denied) this.#violated(attempt, denied.violation, denied.message);
      throw denied ?? error;
    } finally {
      owner.over();
      this.#running.delete(running);
      this.#options.ran(attempt.queue, attempt.contract, (performance.now() - began) / 1000);
      if (!inChild) this.#options.watchdog.leave(attempt);
      clearTimeout(timers?.soft);
      clearTimeout(timers?.hard);
    }
  }

  async #inChild(
    attempt: Attempt,
    owner: ErrorOwner,
    signal: AbortSignal,
    terminate: AbortSignal,
  ): Promise<Returned> {
    const { task, contract, raw, deliveries } = attempt;
    const log = taskLog({ id: task.id, task: task.task });
    let replaces = false;
    const result = await this.#options.pools.run(contract, {
      name: contract.name,
      input: raw,
      ...requestOf(task, limits(attempt)),
      deliveries,
    }, {
      signal,
      terminate,
      ...(contract.submits && {
        submit: (work: WorkflowNode, options = {}) => this.#submit(attempt, work, options),
        onReplaced: () => {
          replaces = true;
        },
      }),
      onProgress: (value) => this.#progress(attempt, value),
      onUncaught: (error, late) => owner.uncaught(error, late),
      onViolation: (violation, what) => this.#violated(attempt, violation, what),
      onLog: ({ level, message, properties }) => log[level](message, properties),
    });
    return replaces ? { replacement: parseJson(result) } : { result, stored: false };
  }

  #submit({ sent }: Attempt, work: WorkflowNode, options: SubmitOptions): Promise<SubmittedWork> {
    return sent.send(work, options, this.#options);
  }

  #violated({ task, meta }: Attempt, violation: Violation, what: string): void {
    const violations = meta.violations ??= [];
    if (violations.length < MAX_VIOLATIONS) violations.push({ violation, what });
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
  }

  #progress(attempt: Attempt, value: unknown): void {
    const { task } = attempt;
    const json = stringifyJson(value);
    try {
      checkResultSize(task.task, json, this.#options.resultMaxBytes);
    } catch (error) {
      return logger.warn("Cannot store the progress of task {id}: {error}", { id: task.id, error });
    }
    this.#options.events.emit({
      type: "task-progress",
      id: task.id,
      name: task.task,
      progress: value,
    });
    this.#note(attempt, "PROGRESS", json);
  }

  /** Stores an intermediate state. Not awaited, because the final state replaces it. */
  #note(attempt: Attempt, state: "STARTED" | "PROGRESS", result: string | null): void {
    if (attempt.ignoreResult) return;
    const { task, queue, startedAt } = attempt;
    const run = { task, id: task.id, queue, startedAt };
    const settlement = settlementOf(run, { state, result }, { node: this.#options.node });
    this.#options.writer.settle(settlement).catch((error) =>
      logger.warn("Cannot store state {state} of task {id}: {error}", {
        state,
        id: task.id,
        error,
      })
    );
  }
}

const logger: Logger = getLogger(["celeriac", "worker"]);
