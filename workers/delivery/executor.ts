/** One delivery -> one outcome: a list of steps that reads top to bottom in {@linkcode Executor.execute}. */
import { type Clock, waitUntil } from "../../shared/runtime/clock.ts";
import { chordOf } from "../../shared/celery/following.ts";
import { inPlaceOf } from "../../shared/celery/replacing.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { Malformed, Reject } from "../../shared/errors.ts";
import type { Events } from "../../shared/telemetry/events.ts";
import type { Outcome } from "./outcome.ts";
import type { Claim, Claimed, Meta } from "../../shared/results/result.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { readWork } from "../../shared/workflows/work.ts";
import { toIso } from "../../shared/celery/time.ts";
import { Admission } from "./admission.ts";
import type { Attempt, Returned } from "../running/attempt.ts";
import { builtin } from "../builtin_tasks.ts";
import type { Crashes, CrashRisk } from "../running/crashes.ts";
import type { Turn } from "../control/rate_limits.ts";
import type { Handlers } from "../handlers.ts";
import type { HeldDelivery } from "./held_delivery.ts";
import { type Holds, roundOf } from "./holds.ts";
import type { InFlight } from "./in_flight.ts";
import { type Input, readCalls, validateCalls } from "./inputs.ts";
import { checkResultSize } from "../running/output.ts";
import { readTask, unreadable } from "./read_task.ts";
import type { DeliveryResult } from "./delivery_result.ts";
import type { Runner } from "../running/runner.ts";
import { TaskSubmissions } from "../running/task_submissions.ts";
import { unknownTask, wasUnknown } from "./unknown_task.ts";
import { duplicate, early, expired, known, outcomeOf, parked, poison } from "./outcomes.ts";
import { LEASE_SECONDS } from "../worker_lease.ts";

/** Milliseconds after which what was read of a delivery is read again before it runs: a revoke that was not heard is in the store only. */
const STALE_MS = 1000;

/** What an executor works with. */
export interface ExecutorOptions {
  readonly contracts: { get(name: string): TaskContract | undefined };
  readonly handlers: Handlers;
  readonly runner: Runner;
  readonly events: Events;
  /** Holds a delivery, and reads what the store knows of it. */
  readonly claims: { claim(delivery: Claimed): Promise<Claim | undefined> };
  /** Told which tasks are in flight. */
  readonly holds: Pick<Holds, "take" | "running">;
  /** Asked about, and told of, messages that come again. */
  readonly crashes: Pick<Crashes, "crashRisk" | "began" | "spared" | "over">;
  /** Told what is understood, and what runs. */
  readonly inFlight: Pick<InFlight, "take" | "leave" | "started">;
  /** Says when a task whose rate is limited may start. */
  readonly rates: {
    turn(name: string, id: string, waiting: HeldDelivery): Turn | Promise<Turn>;
  };
  /** Tells due times and expiry. */
  readonly clock: Clock;
  /** Whether a revoke was heard for this task. */
  isRevoked(task: TaskMessage): boolean;
  /** Seconds that a task which is not known here is offered to other workers. */
  readonly unknownTaskWait: number;
  /** Bytes of JSON that a result may have. */
  readonly resultMaxBytes: number;
}

/** A run of the handler. */
type Ran = {
  readonly startedAt: Date;
  readonly runtime: number;
  readonly meta: Meta;
  readonly sent: TaskSubmissions;
};

/** Turns deliveries into outcomes; stores and answers nothing. */
export class Executor {
  readonly #options: ExecutorOptions;
  readonly #admission: Admission;

  constructor(options: ExecutorOptions) {
    this.#options = options;
    this.#admission = new Admission(options.runner);
  }

  /** Works a delivery up to its outcome.
   *
   * @returns `undefined` when the worker stopped before the handler could finish: the delivery is to be given back, no attempt is spent; also
   * when it has joined another of the same message */
  async execute(delivery: HeldDelivery, queue: string): Promise<DeliveryResult | undefined> {
    const decoded = readTask(delivery.message);
    const task = decoded instanceof Promise ? await decoded : decoded;
    if (task instanceof Malformed) return unreadable(delivery, queue, task);
    if (!this.#options.inFlight.take(delivery, queue, task)) return undefined;
    this.#received(delivery, queue, task);

    const asked = readCalls(task);
    const { name } = asked;
    const own = builtin(name);
    const contract = own?.contract ?? this.#options.contracts.get(name);
    // The body of a chord waits for the records of its members.
    const ignoreResult = chordOf(task) === null &&
      (task.ignoreResult ?? contract?.ignoreResult ?? false);
    const { headers } = delivery.message;
    const { redelivered } = delivery;
    const held = this.#options.holds.take(delivery, task);
    const claim = held ? await this.#claim(task, redelivered) : undefined;
    const claimedAt = performance.now();
    const deliveries = claim?.deliveries ?? 1;
    const end = (outcome: Outcome, ran?: Ran): DeliveryResult => {
      if (outcome.kind === "defer") this.#options.inFlight.leave(delivery);
      return {
        delivery,
        queue,
        task,
        id: task.id,
        outcome,
        ignoreResult,
        hasRecord: claim !== undefined,
        deliveries,
        startedAt: ran?.startedAt ?? null,
        runtime: ran?.runtime ?? null,
        ...(ran && { meta: ran.meta, sent: ran.sent }),
      };
    };

    const elsewhere = held ? claim?.heldSeconds : LEASE_SECONDS;
    const { clock } = this.#options;
    const now = clock.now();
    const unwanted = known(task, claim) ??
      (elsewhere === undefined ? undefined : duplicate(elsewhere, redelivered, now)) ??
      this.#revoked(task) ?? expired(task, now) ?? early(task, now);
    if (unwanted) return end(unwanted);
    const again = redelivered || wasUnknown(headers);
    const crashRisk = again ? await this.#options.crashes.crashRisk(task) : "none";
    if (crashRisk === "poison") return end(poison(task));

    if (asked.rejected) return end(asked.rejected);
    const handler = own ?? this.#options.handlers.get(name);
    if (!contract || !handler) {
      return end(unknownTask(name, headers, { wait: this.#options.unknownTaskWait, now }));
    }
    const inputs = validateCalls(contract, asked.calls);
    if ("rejected" in inputs) return end(inputs.rejected);

    if (task.eta) await waitUntil(task.eta, clock);
    const given = this.#options.rates.turn(name, task.id, delivery);
    const turn = given instanceof Promise ? await given : given;
    if (typeof turn === "number") return end(parked(turn, delivery, clock.now()));
    if (!turn) return undefined;
    const entering = crashRisk === "alone"
      ? this.#admission.enterExclusive(contract, delivery, () => this.#suspected(delivery, task))
      : this.#admission.enter(contract, delivery);
    const admitted = entering instanceof Promise ? await entering : entering;
    if (!admitted) {
      return delivery.waitExpired ? end(parked(0, delivery, clock.now())) : undefined;
    }
    try {
      const stale = performance.now() - claimedAt > STALE_MS && delivery.open;
      const recent = stale ? await this.#claim(task, false) : undefined;
      // It comes again, or has come again already.
      if (!delivery.open) return undefined;
      const overtaken = known(task, recent) ??
        (recent?.heldSeconds === undefined
          ? undefined
          : duplicate(recent.heldSeconds, redelivered, clock.now()));
      const late = overtaken ?? this.#revoked(task) ?? expired(task, clock.now());
      if (late) return end(late);
      this.#options.inFlight.started(delivery);
      this.#options.holds.running(delivery);
      const attempt = { queue, task, contract, handler, ignoreResult, deliveries };
      const run = () => this.#run(attempt, asked.series ? inputs : inputs[0]!, end);
      return redelivered || crashRisk !== "none"
        ? await this.#watch(delivery, task, run)
        : await run();
    } finally {
      admitted.leave();
    }
  }

  /** @param redelivered whether the store counts a hand-out more */
  #claim(task: TaskMessage, redelivered: boolean): Promise<Claim | undefined> {
    return this.#options.claims.claim({ id: task.id, round: roundOf(task), redelivered });
  }

  /** How a delivery that waits in vain to be alone is suspected now; `undefined` when it is in vain for good, as its channel is gone. */
  async #suspected(delivery: HeldDelivery, task: TaskMessage): Promise<CrashRisk | undefined> {
    return delivery.open ? await this.#options.crashes.crashRisk(task) : undefined;
  }

  /** Runs what came again, on record: if the worker dies of it, somebody will know. A worker that sees the channel go lives: what comes
   * again then is under no crashRisk. */
  async #watch(
    { gone }: HeldDelivery,
    task: TaskMessage,
    run: () => Promise<DeliveryResult | undefined>,
  ): Promise<DeliveryResult | undefined> {
    const { crashes } = this.#options;
    await crashes.began(task);
    let sparing: Promise<void> | undefined;
    const spare = () => sparing ??= crashes.spared(task);
    gone.addEventListener("abort", spare);
    try {
      const ended = gone.aborted ? undefined : await run();
      if (!ended || sparing) await spare();
      else crashes.over(task);
      return ended;
    } finally {
      gone.removeEventListener("abort", spare);
    }
  }

  async #run(
    attempt: Omit<Attempt, "startedAt" | "meta" | "sent" | "inSeries" | keyof Input>,
    inputs: Input | readonly Input[],
    end: (outcome: Outcome, ran: Ran) => DeliveryResult,
  ): Promise<DeliveryResult | undefined> {
    const startedAt = new Date();
    const began = performance.now();
    const meta: Meta = {};
    const sent = new TaskSubmissions(attempt.task);
    const ran = () => ({ startedAt, runtime: (performance.now() - began) / 1000, meta, sent });
    try {
      const run = (input: Input, inSeries = false) =>
        this.#options.runner.run({ ...attempt, ...input, startedAt, meta, sent, inSeries });
      const result = Array.isArray(inputs)
        ? await oneByOne(inputs, (input) => run(input, true))
        : await run(inputs as Input);
      if (result === undefined) return undefined;
      if (result === "overtaken") return end({ kind: "known" }, ran());
      if ("replacement" in result) {
        const work = readWork(result.replacement, this.#options.contracts);
        return end(
          { kind: "replace", canvas: inPlaceOf(attempt.task, work, attempt.queue) },
          ran(),
        );
      }
      if (!result.stored) {
        checkResultSize(attempt.task.task, result.result, this.#options.resultMaxBytes);
      }
      return end({ kind: "success", ...result }, ran());
    } catch (error) {
      return end(outcomeOf(error, attempt.task, attempt.contract), ran());
    }
  }

  #revoked(task: TaskMessage): Outcome | undefined {
    return this.#options.isRevoked(task) ? { kind: "revoked", why: "revoked" } : undefined;
  }

  #received(delivery: HeldDelivery, queue: string, task: TaskMessage): void {
    this.#options.events.emit({
      type: "task-received",
      id: task.id,
      name: task.task,
      queue,
      args: task.argsRepr,
      kwargs: task.kwargsRepr,
      rootId: task.rootId,
      parentId: task.parentId,
      retries: task.retries,
      eta: task.eta && toIso(task.eta),
      expires: task.expires && toIso(task.expires),
      redelivered: delivery.redelivered,
    });
  }
}

/** @returns the list of results; `undefined` when a run was abandoned */
async function oneByOne(
  inputs: readonly Input[],
  run: (input: Input) => Promise<Returned | undefined>,
): Promise<Returned | undefined> {
  const results: string[] = [];
  for (const input of inputs) {
    const returned = await run(input);
    if (returned === undefined || returned === "overtaken") return returned;
    if ("replacement" in returned) {
      throw new Reject(
        "Cannot replace a task within a map because the map has the id: send them as a group",
      );
    }
    results.push(returned.result);
  }
  return { result: `[${results.join(",")}]`, stored: false };
}
