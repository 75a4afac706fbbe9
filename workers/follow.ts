/** What follows a final state: the next step of a chain, callbacks, errbacks, a chord's body, the reply to whoever asked for one.
 *
 * All of it comes after the record and before the ack, and may come again: ids are derived from the task's own, a chord counts a member
 * once, and a record that is final stays.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Broker } from "../shared/broker/broker.ts";
import type { Dispatch, ResultTuple } from "../shared/celery/dispatch.ts";
import { encodeException, type ExceptionMeta, pythonRepr } from "../shared/celery/exception.ts";
import {
  afterFailure,
  afterHeader,
  afterSuccess,
  chordOf,
  isFollowed,
  lostAfter,
  type LostTask,
  type PendingChord,
  withoutHeader,
} from "../shared/celery/following.ts";
import { parseJson } from "../shared/celery/json.ts";
import type { IdentifiedSignature } from "../shared/celery/message.ts";
import { replyMessage } from "../shared/celery/result.ts";
import {
  BrokerUnavailable,
  DatabaseUnavailable,
  InvalidInput,
  TopologyMissing,
  Unavailable,
  Unroutable,
} from "../shared/errors.ts";
import type { Publisher } from "../shared/publisher.ts";
import { type ChordStore, failedMember, taskIds, valueOf } from "../shared/results/chords.ts";
import { isFinal, type Settlement, type TaskOutcome } from "../shared/results/result.ts";
import type { ResultStore } from "../shared/results/store.ts";
import type { Routes } from "../shared/routes.ts";
import { isOurExchange } from "../shared/topology.ts";
import type { Run } from "./run.ts";

/** Pause before what neither broker nor database could take is tried again. */
const RETRY_PAUSE_MS = 500;

/** A final state, as far as followers care. */
export interface Final {
  readonly state: string;
  readonly result?: string | null;
  readonly exception?: ExceptionMeta | null;
  readonly traceback?: string | null;
  readonly children?: readonly ResultTuple[];
}

/** What a follower works with. */
export interface FollowerOptions {
  readonly broker: Broker;
  readonly publisher: Pick<Publisher, "submit">;
  readonly routes: Routes;
  readonly chords: ChordStore;
  readonly store: Pick<ResultStore, "find" | "outcomes">;
  readonly writer: { settle(settlement: Settlement): Promise<boolean> };
  readonly node: string;
}

/** Why a task is lost: what its record will hold. */
interface Cause {
  readonly state: "FAILURE" | "REVOKED";
  readonly exception: ExceptionMeta;
  readonly traceback: string | null;
}

/** Sends what follows a run. */
export class Follower {
  readonly #options: FollowerOptions;

  constructor(options: FollowerOptions) {
    this.#options = options;
  }

  /** Results of what a success will start. */
  children(task: Run["task"], result: string): readonly ResultTuple[] {
    return task && isFollowed(task.embed) ? afterSuccess(task, value(result)).children : [];
  }

  /** Resolves when all that follows is durable. Waits as long as broker and database are away, unless the delivery's channel goes:
   * then its message comes again, and all of this with it.
   *
   * @throws {ChannelGone} then */
  async follow(run: Run, final: Final): Promise<void> {
    this.#reply(run, final);
    const { task, delivery } = run;
    if (!task || !isFollowed(task.embed)) return;
    for (;;) {
      try {
        return await this.#goOn(task, final);
      } catch (error) {
        if (!isPassing(error)) throw error;
        if (!delivery.open) throw new ChannelGone(error);
        logger.warn("What follows task {id} waits: {error}", { id: task.id, error });
        await new Promise((resolve) => setTimeout(resolve, RETRY_PAUSE_MS));
      }
    }
  }

  /** Goes on with the stored state of a task that was final before this delivery came. */
  async followKnown(run: Run): Promise<void> {
    const { task } = run;
    if (!task?.replyTo && !(task && isFollowed(task.embed))) return;
    const record = await this.#options.store.find(task.id);
    if (record && isFinal(record.state)) await this.follow(run, record);
  }

  async #goOn(task: NonNullable<Run["task"]>, final: Final): Promise<void> {
    const { state, exception, traceback = null } = final;
    if (state === "SUCCESS") {
      await this.#start(afterSuccess(task, value(final.result ?? "null")));
    } else {
      const cause: Cause = {
        state: state === "REVOKED" ? "REVOKED" : "FAILURE",
        exception: exception ?? UNTOLD,
        traceback,
      };
      await this.#lose(lostAfter(task), cause, task.id);
      if (state === "FAILURE") await this.#start(afterFailure(task));
    }
    const chord = chordOf(task);
    if (chord) await this.#count(chord, task.id);
  }

  async #start({ chords, messages }: Dispatch): Promise<void> {
    await this.#options.chords.open(chords);
    await Promise.all(messages.map((message) => this.#send(message)));
  }

  /** What can never be sent is lost, and with it whatever waits for it. */
  async #send(message: IdentifiedSignature): Promise<void> {
    const { options } = message;
    const queue = this.#options.routes.queueOf(message);
    try {
      await this.#options.publisher.submit({ ...message, options: { ...options, queue } });
    } catch (error) {
      if (!isHopeless(error, options.exchange)) throw error;
      logger.error("Task {name} [{id}] is lost: {error}", {
        name: message.task,
        id: options.taskId,
        error,
      });
      const { taskId: id, parentId = null, chain = null, chord = null, group = null } = options;
      const task = { id, rootId: options.rootId ?? id, group: group ?? null };
      const embed = { callbacks: null, errbacks: options.errbacks ?? null, chain, chord };
      const cause: Cause = {
        state: "FAILURE",
        exception: encodeException(error),
        traceback: null,
      };
      const waiting = chord && group ? { group, body: chord, rootId: task.rootId } : null;
      const lost = [{ id, name: message.task, chord: waiting }, ...lostAfter({ id, embed })];
      await this.#lose(lost, cause, parentId ?? id);
    }
  }

  async #lose(tasks: readonly LostTask[], cause: Cause, parentId: string): Promise<void> {
    const { writer, node } = this.#options;
    await Promise.all(tasks.map(async ({ id, name, chord }) => {
      await writer.settle({
        ...cause,
        id,
        name,
        queue: null,
        worker: node,
        argsRepr: null,
        kwargsRepr: null,
        result: null,
        retries: 0,
        startedAt: null,
        next: null,
      });
      if (chord) await this.#count(chord, id, parentId);
    }));
  }

  /** Counts a member of a chord whose record is final; with the last one the chord ends. */
  async #count(chord: PendingChord, member: string, parentId: string = member): Promise<void> {
    const { chords } = this.#options;
    const count = await chords.count(chord.group, member);
    if (count.state === "unknown") {
      logger.warn(
        "Task {id} belongs to chord {chord}, of which there is no record: its body will not run",
        {
          id: member,
          chord: chord.group,
        },
      );
    }
    if (count.state !== "complete") return;
    const ids = count.members.flatMap(taskIds);
    const records = new Map(
      (await this.#options.store.outcomes(ids)).map((record) => [record.id, record]),
    );
    const failed = failedMember(ids, records);
    if (!failed) {
      const values = count.members.map((tuple) => valueOf(tuple, records));
      await this.#start(afterHeader(chord, values, parentId));
    } else {
      const { lost, errbacks } = withoutHeader(chord);
      const exception = { ...CHORD_ERROR, exc_message: [dependency(failed)] };
      await this.#lose(lost, { state: "FAILURE", exception, traceback: null }, parentId);
      await this.#start(errbacks);
    }
    await chords.close(chord.group);
  }

  /** Not awaited: the caller may be gone (Celery names a reply queue in every message), and the record has the result. */
  #reply({ task, queue, deliveries, startedAt }: Run, final: Final): void {
    if (!task?.replyTo) return;
    const meta = {
      id: task.id,
      state: final.state,
      result: final.result ?? null,
      exception: final.exception ?? null,
      traceback: final.traceback ?? null,
      children: final.children ?? [],
      finishedAt: new Date(),
      groupId: task.group,
      parentId: task.parentId,
      run: { worker: this.#options.node, retries: task.retries, queue, deliveries, startedAt },
    };
    const reply = replyMessage(meta, { replyTo: task.replyTo, correlationId: task.correlationId });
    this.#options.broker.publish(reply, { mandatory: false }).catch((error) =>
      logger.debug("Reply of task {id} was not sent: {error}", { id: task.id, error })
    );
  }
}

/** The delivery's channel went while what follows could not be sent. Caught by the worker: the message comes again. */
export class ChannelGone extends Error {
  override readonly name = "ChannelGone";

  constructor(cause: unknown) {
    super("What follows could not be sent before the channel went", { cause });
  }
}

/** Values of the contract's own making stay as they travel: Python reads them as it wrote them. */
function value(result: string): unknown {
  return parseJson(result, { typed: "keep" });
}

function isPassing(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof DatabaseUnavailable ||
    error instanceof BrokerUnavailable;
}

/** Whether no waiting mends it. An exchange that the signature names is its sender's own, and nobody's task to make; ours are. */
function isHopeless(error: unknown, exchange: string | undefined): boolean {
  return error instanceof Unroutable || error instanceof InvalidInput ||
    error instanceof TopologyMissing && exchange !== undefined && !isOurExchange(exchange);
}

/** Why the body cannot run, in Celery's words. */
function dependency(
  { id, record }: { id: string; record: TaskOutcome | undefined },
): string {
  if (!record) return `Dependency ${id} has no record`;
  return record.exception
    ? `Dependency ${id} raised ${pythonRepr(record.exception)}`
    : `Dependency ${id} is ${record.state}`;
}

const UNTOLD: ExceptionMeta = { exc_type: "Exception", exc_message: [], exc_module: "builtins" };
const CHORD_ERROR = { exc_type: "ChordError", exc_module: "celery.exceptions" };

const logger = getLogger(["celeriac", "worker"]);
