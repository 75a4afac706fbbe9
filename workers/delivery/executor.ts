/** Takes a delivery from its message to its outcome. {@linkcode Executor.execute} lists the steps. */
import { type Clock, waitUntil } from "../../shared/runtime/clock.ts";
import { chordOf } from "../../shared/celery/following.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { Malformed } from "../../shared/errors.ts";
import type { PauseSet } from "../../shared/flow/pause.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import type { Outcome } from "./outcome.ts";
import type { Claim, Claimed } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { Admission, type Admitted } from "./admission.ts";
import { builtin } from "../builtin_tasks.ts";
import type { Crashes, CrashRisk } from "../running/crashes.ts";
import type { Turn } from "../control/rate_limits.ts";
import type { Handlers } from "../handlers.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import { type Holds, roundOf } from "./holds.ts";
import type { InFlight } from "./in_flight.ts";
import { readCalls, validateCalls } from "./inputs.ts";
import { readTask, unreadable } from "./read_task.ts";
import { receivedEvent } from "./received_event.ts";
import { type HandlerRun, runHandler } from "./run_handler.ts";
import { deliveriesOf, type Job, type Prepared } from "./job.ts";
import type { DeliveryResult } from "./delivery_result.ts";
import type { Runner } from "../running/runner.ts";
import { unknownTask } from "./unknown_task.ts";
import {
  duplicate,
  early,
  expired,
  isRepeated,
  isTimeless,
  known,
  parked,
  paused,
  poison,
} from "./outcomes.ts";
import { LEASE_SECONDS } from "../worker_lease.ts";

/** Age in milliseconds at which a claim is read again before the task runs. The store may have a revoke that this worker did not receive. */
const STALE_MS = 1000;

/** Dependencies and limits of an {@linkcode Executor}. */
export interface ExecutorOptions {
  readonly contracts: { get(name: string): TaskContract | undefined };
  readonly handlers: Handlers;
  readonly runner: Runner;
  readonly events: Events;
  /** Claims a task for this worker and reads its record. */
  readonly claims: { claim(delivery: Claimed): Promise<Claim | undefined> };
  /** Tasks that this worker holds. */
  readonly holds: Pick<Holds, "take" | "running">;
  /** Lost runs of redelivered messages. */
  readonly crashes: Pick<Crashes, "assess" | "recordStart" | "withdrawStart" | "clear">;
  /** Deliveries in flight. */
  readonly inFlight: Pick<InFlight, "take" | "leave" | "started">;
  /** Decides when a rate-limited task may start. */
  readonly rates: {
    turn(name: string, id: string, waiting: HeldDelivery): Turn | Promise<Turn>;
  };
  /** Pauses of queues and tasks. */
  readonly pauses: Pick<PauseSet, "of">;
  /** Clock for eta and expiry. */
  readonly clock: Clock;
  /** Whether this worker received a revoke of the task. */
  isRevoked(task: TaskMessage): boolean;
  /** Seconds for which an unknown task is offered to other workers. */
  readonly unknownTaskWait: number;
  /** Largest result, bytes of JSON. */
  readonly resultMaxBytes: number;
}

/** Executes deliveries. It neither stores results nor acknowledges messages. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #admission: Admission;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#admission = new Admission(options.runner);
  }

  /** Executes one delivery.
   *
   * @returns `undefined` if the delivery must be given back because the worker stopped before the handler finished (no attempt is spent),
   * and if it joined another delivery of the same message */
  async execute(delivery: HeldDelivery, queue: string): Promise<DeliveryResult | undefined> {
    const { contracts, crashes, inFlight, clock } = this.#options;
    const decoded = readTask(delivery.message, contracts);
    const task = decoded instanceof Promise ? await decoded : decoded;
    if (task instanceof Malformed) return unreadable(delivery, queue, task);
    if (!inFlight.take(delivery, queue, task)) return undefined;
    this.#options.events.emit(receivedEvent(task, queue, delivery.redelivered));

    const job = await this.#claim(delivery, queue, task);
    const withoutRun = this.#outcomeWithoutRun(job);
    if (withoutRun) return this.#end(job, withoutRun);

    const risk = isRepeated(delivery) ? await crashes.assess(task) : "none";
    if (risk === "poison") return this.#end(job, poison(task));

    const prepared = this.#prepare(job);
    if ("kind" in prepared) return this.#end(job, prepared);

    if (task.eta) await waitUntil(task.eta, clock);
    // Promises only where something waits: most tasks start at once.
    const place = this.#options.rates.turn(job.calls.name, task.id, delivery);
    const turn = place instanceof Promise ? await place : place;
    if (typeof turn === "number") return this.#end(job, parked(turn, delivery, clock.now()));
    if (!turn) return undefined;

    const entered = this.#admit(job, prepared.contract, risk);
    const admitted = entered instanceof Promise ? await entered : entered;
    if (!admitted) {
      return delivery.waitExpired ? this.#end(job, parked(0, delivery, clock.now())) : undefined;
    }
    try {
      const rechecked = this.#recheck(job);
      const overtaken = rechecked instanceof Promise ? await rechecked : rechecked;
      if (!delivery.open) return undefined; // its channel is gone: the message is redelivered
      if (overtaken) return this.#end(job, overtaken);
      return await this.#run(job, prepared, risk);
    } finally {
      admitted.leave();
    }
  }

  /** Takes the task into flight and claims it in the store. */
  async #claim(delivery: HeldDelivery, queue: string, task: TaskMessage): Promise<Job> {
    const calls = readCalls(task);
    const own = builtin(calls.name);
    const contract = own?.contract ?? this.#options.contracts.get(calls.name);
    const isHolder = this.#options.holds.take(delivery, task);
    const claim = isHolder ? await this.#readClaim(task, delivery.redelivered) : undefined;
    return {
      delivery,
      queue,
      task,
      calls,
      builtin: own,
      contract,
      // The body of a chord needs the records of its members.
      ignoreResult: chordOf(task) === null &&
        (task.ignoreResult ?? contract?.ignoreResult ?? false),
      heldSeconds: isHolder ? claim?.heldSeconds : LEASE_SECONDS,
      claim,
      claimedAt: performance.now(),
    };
  }

  /** @param redelivered whether the store counts one more delivery */
  #readClaim(task: TaskMessage, redelivered: boolean): Promise<Claim | undefined> {
    return this.#options.claims.claim({ id: task.id, round: roundOf(task), redelivered });
  }

  /** The outcome of a task that must not run now: it is final, held elsewhere, revoked, expired, not due yet or paused. */
  #outcomeWithoutRun(job: Job): Outcome | undefined {
    const { delivery, task, claim, heldSeconds } = job;
    if (heldSeconds === undefined && isTimeless(task)) {
      return known(task, claim) ?? this.#revoked(task) ?? this.#paused(job);
    }
    const now = this.#options.clock.now();
    return known(task, claim) ??
      (heldSeconds === undefined ? undefined : duplicate(heldSeconds, delivery.redelivered, now)) ??
      this.#revoked(task) ?? expired(task, now) ?? early(task, now) ?? this.#paused(job);
  }

  /** Finds the handler and validates the inputs.
   *
   * @returns the outcome if the task is unknown here or its arguments are invalid */
  #prepare({ calls, builtin, contract, delivery }: Job): Prepared | Outcome {
    if (calls.rejected) return calls.rejected;
    const handler = builtin ?? this.#options.handlers.get(calls.name);
    if (!contract || !handler) {
      const { unknownTaskWait: wait, clock } = this.#options;
      return unknownTask(calls.name, delivery.message.headers, { wait, now: clock.now() });
    }
    const inputs = validateCalls(contract, calls.calls);
    if ("rejected" in inputs) return inputs.rejected;
    return { contract, handler, inputs: calls.series ? inputs : inputs[0]! };
  }

  /** Waits for a slot, or for exclusive execution if the message is a suspect. */
  #admit(
    { delivery, task }: Job,
    contract: TaskContract,
    risk: CrashRisk,
  ): Admitted | Promise<Admitted | undefined> | undefined {
    if (risk !== "isolate") return this.#admission.enter(contract, delivery);
    const { crashes } = this.#options;
    // If its channel is gone, the message is redelivered and must not run here.
    const reassess = async () => delivery.open ? await crashes.assess(task) : undefined;
    return this.#admission.enterExclusive(contract, delivery, reassess);
  }

  /** Checks again what may have changed while the task waited. */
  #recheck(job: Job): Outcome | undefined | Promise<Outcome | undefined> {
    const { delivery, task, claimedAt } = job;
    const isStale = performance.now() - claimedAt > STALE_MS && delivery.open;
    return isStale
      ? this.#readClaim(task, false).then((claim) => this.#overtaken(job, claim))
      : this.#overtaken(job, undefined);
  }

  #overtaken(job: Job, claim: Claim | undefined): Outcome | undefined {
    const { delivery, task } = job;
    if (claim === undefined && isTimeless(task)) return this.#revoked(task) ?? this.#paused(job);
    const now = this.#options.clock.now();
    return known(task, claim) ??
      (claim?.heldSeconds === undefined
        ? undefined
        : duplicate(claim.heldSeconds, delivery.redelivered, now)) ??
      this.#revoked(task) ?? expired(task, now) ?? this.#paused(job);
  }

  #run(
    job: Job,
    { contract, handler, inputs }: Prepared,
    risk: CrashRisk,
  ): Promise<DeliveryResult | undefined> {
    const { delivery, queue, task, ignoreResult } = job;
    this.#options.inFlight.started(delivery);
    this.#options.holds.running(delivery);
    const deliveries = deliveriesOf(job);
    const attempt = { queue, task, contract, handler, ignoreResult, deliveries };
    const run = async () => {
      const ended = await runHandler(attempt, inputs, this.#options);
      return ended && this.#end(job, ended.outcome, ended.run);
    };
    return delivery.redelivered || risk !== "none" ? this.#runOnRecord(delivery, task, run) : run();
  }

  /** Records the start of a repeated message in the crash table, so that a later worker can count the run as lost. If the channel goes while
   * this worker is alive, the message comes again for that reason, and the start is withdrawn. */
  async #runOnRecord(
    { gone }: HeldDelivery,
    task: TaskMessage,
    run: () => Promise<DeliveryResult | undefined>,
  ): Promise<DeliveryResult | undefined> {
    const { crashes } = this.#options;
    await crashes.recordStart(task);
    let withdrawal: Promise<void> | undefined;
    const withdraw = () => withdrawal ??= crashes.withdrawStart(task);
    gone.addEventListener("abort", withdraw);
    try {
      const ended = gone.aborted ? undefined : await run();
      if (!ended || withdrawal) await withdraw();
      else crashes.clear(task);
      return ended;
    } finally {
      gone.removeEventListener("abort", withdraw);
    }
  }

  #end(job: Job, outcome: Outcome, run?: HandlerRun): DeliveryResult {
    const { delivery, queue, task, ignoreResult, claim } = job;
    if (outcome.kind === "defer" || outcome.kind === "pause") {
      this.#options.inFlight.leave(delivery);
    }
    return {
      delivery,
      queue,
      task,
      id: task.id,
      outcome,
      ignoreResult,
      hasRecord: claim !== undefined,
      deliveries: deliveriesOf(job),
      startedAt: run?.startedAt ?? null,
      runtime: run?.runtime ?? null,
      ...(run && { meta: run.meta, sent: run.sent }),
    };
  }

  #revoked(task: TaskMessage): Outcome | undefined {
    return this.#options.isRevoked(task) ? { kind: "revoked", why: "revoked" } : undefined;
  }

  #paused({ delivery, queue, calls }: Job): Outcome | undefined {
    return paused(this.#options.pauses.of(queue, calls.name), delivery);
  }
}
