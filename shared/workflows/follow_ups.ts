/** Sends the follow-ups of a final state: the next step of a chain, callbacks, errbacks, a chord's body.
 *
 * All steps are idempotent: ids are derived from the task's id, a chord counts a member once, and a final record stays.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Canvas } from "../celery/canvas_tree.ts";
import { isReference, type ReadsBodies } from "../celery/chord_body.ts";
import { type Dispatch, dispatch, type Origin, type ResultTuple } from "../celery/dispatch.ts";
import { encodeException, type ExceptionMeta, pythonRepr } from "../celery/exception.ts";
import {
  afterFailedHeader,
  afterFailure,
  afterHeader,
  afterSuccess,
  chordOf,
  isFollowed,
  lost,
  lostAfter,
  type LostTask,
  type NextTasks,
  type PendingChord,
} from "../celery/following.ts";
import { parseJson } from "../celery/python_json.ts";
import type { IdentifiedSignature } from "../celery/message.ts";
import type { TaskMessage } from "../celery/task_message.ts";
import {
  BrokerUnavailable,
  DatabaseUnavailable,
  InvalidInput,
  Unavailable,
  WorkflowTooLarge,
} from "../errors.ts";
import type { Publisher } from "../outbox/publisher.ts";
import { type ChordStore, failedMember, readsBodies, taskIds, valueOf } from "./chords.ts";
import type { TaskOutcome } from "../results/result.ts";
import type { ResultStore } from "../results/store.ts";
import type { TaskRouter } from "../outbox/task_router.ts";

/** The parts of a final state that follow-ups need. */
export interface Final {
  readonly state: string;
  readonly result?: string | null;
  readonly exception?: ExceptionMeta | null;
  readonly traceback?: string | null;
  readonly children?: readonly ResultTuple[];
}

/** The final record of a task that will never run. */
export interface LostRecord {
  readonly id: string;
  readonly name: string;
  readonly state: "FAILURE" | "REVOKED";
  readonly exception: ExceptionMeta;
  readonly traceback: string | null;
}

/** Options of {@linkcode FollowUps}. */
export interface FollowUpsOptions {
  readonly publisher: Pick<Publisher, "submit">;
  readonly routes: TaskRouter;
  readonly chords: ChordStore;
  readonly store: Pick<ResultStore, "outcomes">;
  /** Makes records final unless they already are. */
  lose(records: readonly LostRecord[]): Promise<unknown>;
}

type Cause = Omit<LostRecord, "id" | "name">;

/** Sends the follow-ups of tasks. */
export class FollowUps {
  readonly #options: FollowUpsOptions;
  readonly #reads: ReadsBodies;
  /** Next tasks by finished task, because settling needs them twice: for the record's children and for sending. */
  readonly #next = new WeakMap<TaskMessage, { result: string; tasks: NextTasks }>();

  constructor(options: FollowUpsOptions) {
    this.#options = options;
    this.#reads = readsBodies(options.chords, options.routes);
  }

  /** Results of the tasks that a success will start. */
  children(task: TaskMessage, result: string): readonly ResultTuple[] {
    if (!isFollowed(task.embed)) return [];
    try {
      return this.#afterSuccess(task, result).children;
    } catch (error) {
      if (error instanceof WorkflowTooLarge) return []; // `after()` records it as lost
      throw error;
    }
  }

  /** Resolves when all follow-ups are durable.
   *
   * A follow-up whose queue does not exist waits in the outbox. One that can never be sent is lost, together with the tasks that depend
   * on it.
   *
   * @throws a transient error ({@linkcode isTransient}) when neither broker nor database accepts it: try again */
  async after(task: TaskMessage, final: Final): Promise<void> {
    if (!isFollowed(task.embed)) return;
    const { state, exception, traceback = null } = final;
    if (state === "SUCCESS") {
      await this.#startOrLose(
        () => this.#afterSuccess(task, final.result ?? "null"),
        () => lostAfter(task),
        task.id,
      );
    } else {
      const cause: Cause = {
        state: state === "REVOKED" ? "REVOKED" : "FAILURE",
        exception: exception ?? UNKNOWN_EXCEPTION,
        traceback,
      };
      await this.#lose(lostAfter(task), cause, task.id);
      if (state === "FAILURE") await this.#start(afterFailure(task, this.#reads));
    }
    const chord = chordOf(task);
    if (chord) await this.#count(chord, task.id);
  }

  #afterSuccess(task: TaskMessage, result: string): NextTasks {
    const known = this.#next.get(task);
    if (known?.result === result) return known.tasks;
    const tasks = afterSuccess(task, value(result), this.#reads);
    this.#next.set(task, { result, tasks });
    return tasks;
  }

  /** Sends a canvas with all its ids; resolves when it is durable.
   *
   * @throws {WorkflowTooLarge}, or a transient error ({@linkcode isTransient}) */
  async send(canvas: Canvas, origin: Origin): Promise<void> {
    await this.#start(dispatch(canvas, origin, this.#reads));
  }

  /** Sends the canvas that replaces a task. If it is too large, the task fails. */
  async replace(task: TaskMessage, canvas: Canvas): Promise<void> {
    const { id, rootId } = task;
    await this.#startOrLose(
      () => dispatch(canvas, { rootId, parentId: id }, this.#reads),
      () => lost(canvas),
      id,
    );
  }

  /** Sends a dispatch; records its tasks as lost if it is too large. */
  async #startOrLose(
    start: () => Dispatch,
    losing: () => readonly LostTask[],
    parentId: string,
  ): Promise<void> {
    let started: Dispatch;
    try {
      started = start();
    } catch (error) {
      if (!(error instanceof WorkflowTooLarge)) throw error;
      logger.error("The follow-ups of task {id} are lost: {error}", { id: parentId, error });
      const exception = encodeException(error);
      return await this.#lose(losing(), { state: "FAILURE", exception, traceback: null }, parentId);
    }
    await this.#start(started);
  }

  async #start({ chords, messages }: Dispatch): Promise<void> {
    await this.#options.chords.open(chords);
    await Promise.all(messages.map((message) => this.#send(message)));
  }

  async #send(message: IdentifiedSignature): Promise<void> {
    const { options } = message;
    const queue = this.#options.routes.queueOf(message);
    try {
      await this.#options.publisher.submit(
        { ...message, options: { ...options, queue } },
        { patient: true },
      );
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
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
    if (tasks.length === 0) return;
    await this.#options.lose(tasks.map(({ id, name }) => ({ ...cause, id, name })));
    await Promise.all(tasks.map(async ({ id, chord }) => {
      if (chord) await this.#count(chord, id, parentId);
    }));
  }

  /** Counts a member whose record is final; the last member completes the chord. */
  async #count(pending: PendingChord, member: string, parentId: string = member): Promise<void> {
    const { chords } = this.#options;
    const count = await chords.count(pending.group, member);
    if (count.state === "unknown") {
      logger.warn(
        "Task {id} belongs to chord {chord}, which has no record: its body will not run",
        {
          id: member,
          chord: pending.group,
        },
      );
    }
    if (count.state !== "complete") return;
    const chord = await this.#withBody(pending);
    if (!chord) return;
    const ids = count.members.flatMap(taskIds);
    const records = new Map(
      (await this.#options.store.outcomes(ids)).map((record) => [record.id, record]),
    );
    const failed = failedMember(ids, records);
    if (!failed) {
      const values = count.members.map((tuple) => valueOf(tuple, records));
      await this.#startOrLose(
        () => afterHeader(chord, values, parentId, this.#reads),
        () => afterFailedHeader(chord).lost,
        parentId,
      );
    } else {
      const { lost, errbacks } = afterFailedHeader(chord, this.#reads);
      const exception = { ...CHORD_ERROR, exc_message: [dependency(failed)] };
      await this.#lose(lost, { state: "FAILURE", exception, traceback: null }, parentId);
      await this.#start(errbacks);
    }
    await chords.close(chord.group);
  }

  /** A chord with its body, which is loaded if the members only reference it. */
  async #withBody(chord: PendingChord): Promise<PendingChord | undefined> {
    if (!isReference(chord.body)) return chord;
    const body = await this.#options.chords.body(chord.group);
    if (body !== undefined) return { ...chord, body };
    logger.error("The body of chord {chord} is not stored: it will not run", {
      chord: chord.group,
    });
    return undefined;
  }
}

/** Typed values stay encoded, so that Python reads them as it wrote them. */
function value(result: string): unknown {
  return parseJson(result, { typed: "keep" });
}

/** Whether a retry may succeed. */
export function isTransient(error: unknown): boolean {
  return error instanceof Unavailable || error instanceof DatabaseUnavailable ||
    error instanceof BrokerUnavailable;
}

/** Why the body cannot run, in Celery's wording. */
function dependency(
  { id, record }: { id: string; record: TaskOutcome | undefined },
): string {
  if (!record) return `Dependency ${id} has no record`;
  return record.exception
    ? `Dependency ${id} raised ${pythonRepr(record.exception)}`
    : `Dependency ${id} is ${record.state}`;
}

const UNKNOWN_EXCEPTION: ExceptionMeta = {
  exc_type: "Exception",
  exc_message: [],
  exc_module: "builtins",
};
const CHORD_ERROR = { exc_type: "ChordError", exc_module: "celery.exceptions" };

const logger = getLogger(["celeriac", "workflows"]);
