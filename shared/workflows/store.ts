/** Workflows: canvases submitted as a unit, and their state.
 *
 * A workflow is stored in one transaction: its record, its chords, and its first messages in the outbox. It is accepted completely or
 * not at all, and submitting it again with the same id changes nothing.
 * @module
 */
import { checkHeaders } from "../broker/header_limit.ts";
import { readCanvas, writeCanvas } from "../celery/canvas.ts";
import { awaited, type Canvas, endings, steps } from "../celery/canvas_tree.ts";
import { checkBodies, dispatch, resultOf } from "../celery/dispatch.ts";
import type { ExceptionMeta } from "../celery/exception.ts";
import { stringifyJson } from "../celery/python_json.ts";
import type { Signature } from "../celery/signature.ts";
import type { Database } from "../database/database.ts";
import { WorkflowTooLarge } from "../errors.ts";
import { type Clock, SYSTEM_CLOCK } from "../runtime/clock.ts";
import type { Outbox } from "../outbox/outbox.ts";
import { prepareTask } from "../outbox/prepared_task.ts";
import { type ChordStore, failedMember, readsBodies, valueOf } from "./chords.ts";
import { isFinal, type State, type TaskOutcome } from "../results/result.ts";
import type { ResultStore } from "../results/store.ts";
import { timeOf } from "../results/uuid_time.ts";
import type { TaskRouter } from "../outbox/task_router.ts";
import { workflowState } from "./state.ts";

/** Options of {@linkcode Workflows}. */
export interface WorkflowsOptions {
  readonly database: Database;
  readonly outbox: Outbox;
  /** The sender, for the header `origin`. */
  readonly origin: string;
  /** Default: this machine's clock. */
  readonly clock?: Clock;
  readonly chords: ChordStore;
  readonly store: Pick<ResultStore, "outcomes" | "states">;
  readonly routes: TaskRouter;
  /** Called when messages were added to the outbox. */
  added?(): void;
}

/** A task of a workflow. */
export interface WorkflowTask {
  readonly id: string;
  readonly name: string;
  readonly state: State;
}

/** A task of a workflow, and what it waits for. */
export interface WorkflowMember {
  readonly workflow: string;
  readonly name: string;
  readonly queue: string;
  /** Earlier tasks of the workflow that have not ended. */
  readonly pending: readonly string[];
}

/** The state of a workflow. */
export interface WorkflowRecord {
  readonly id: string;
  /** `SUCCESS`, `FAILURE` or `REVOKED` once all final tasks of the workflow have ended; before that, `STARTED` once a task has started. */
  readonly state: State;
  /** JSON text of the result: a value, or a list for a group; `null` until it has succeeded. */
  readonly result: string | null;
  readonly exception: ExceptionMeta | null;
  /** In order; members of headers before bodies. */
  readonly tasks: readonly WorkflowTask[];
  /** Ids of the workflow's last tasks that have not ended. */
  readonly pending: readonly string[];
  readonly createdAt: Date;
  /** As it was submitted, with the ids of all tasks. */
  readonly canvas: Canvas;
}

/** Maximum bytes of the first messages: four times the size limit of a submission, because each message has additional fields. */
const MAX_START_BYTES = 64 * 1024 * 1024;

const ADD = `
  insert into celeriac.workflow (id, canvas, tasks, endings)
  values ($1, $2::text::json, $3::text[], $4::text[])
  on conflict do nothing returning id`;

const FIND = "select canvas::text as canvas, created_at from celeriac.workflow where id = $1";

/** Ids that the API gives to a workflow's tasks begin with the time of its id. */
const TIME_DIGITS = "00000000-0000".length;

const OF_TASK = `
  from celeriac.workflow where id >= $2 || '-' and id < $2 || '.' and $1 = any(tasks) limit 1`;

const FIND_BY_TASK = `select id, canvas::text as canvas ${OF_TASK}`;

const FIND_ID_BY_TASK = `select id ${OF_TASK}`;

const byTask = (taskId: string) => [taskId, taskId.slice(0, TIME_DIGITS)];

/** Starts workflows and reads their state. */
export class Workflows {
  readonly #options: WorkflowsOptions;

  constructor(options: WorkflowsOptions) {
    this.#options = options;
  }

  /** Resolves when the workflow is committed; idempotent.
   *
   * @param canvas with all ids (`identified()`)
   * @throws {InvalidInput} when one of its messages cannot be sent
   * @throws {WorkflowTooLarge} when the messages are too large in total
   * @throws {DatabaseUnavailable} */
  async start(id: string, canvas: Canvas): Promise<void> {
    const { database, outbox, origin, clock = SYSTEM_CLOCK, chords, routes, added } = this.#options;
    const reads = readsBodies(chords, routes);
    checkBodies(canvas, reads);
    const { chords: opened, messages } = dispatch(canvas, {}, reads);
    const now = clock.now();
    let bytes = 0;
    const entries = messages.map((message) => {
      const queue = routes.queueOf(message);
      const { entry } = prepareTask({ ...message, options: { ...message.options, queue } }, {
        origin,
        now,
      });
      checkHeaders(entry.message.headers);
      bytes += entry.message.body.length;
      if (bytes > MAX_START_BYTES) throw tooLarge();
      return entry;
    });
    const text = stringifyJson(writeCanvas(canvas));
    await database.transaction(async (sql) => {
      const fresh = await sql.query(ADD, [
        id,
        text,
        steps(canvas).map(idOf),
        endings(canvas).map(idOf),
      ]);
      if (fresh.length === 0) return;
      await chords.open(opened, sql);
      await outbox.add(entries, sql);
    });
    added?.();
  }

  /** Finds the workflow of a task to which the API gave its id.
   *
   * @throws {DatabaseUnavailable} */
  async memberOf(taskId: string): Promise<WorkflowMember | undefined> {
    if (timeOf(taskId) === undefined) return undefined;
    const { database, store, routes } = this.#options;
    const [row] = await database.query<{ id: string; canvas: string }>(
      FIND_BY_TASK,
      byTask(taskId),
    );
    if (!row) return undefined;
    const canvas = readCanvas(JSON.parse(row.canvas));
    const signature = steps(canvas).find((one) => idOf(one) === taskId);
    if (!signature) return undefined;
    const earlier = (awaited(canvas, taskId) ?? []).map(idOf);
    const states = await store.states(earlier);
    return {
      workflow: row.id,
      name: signature.task,
      queue: routes.queueOf(signature),
      pending: earlier.filter((one) => !isFinal(states.get(one) ?? "PENDING")),
    };
  }

  /** Id of the workflow of a task to which the API gave its id. Cheaper than {@linkcode memberOf}: the canvas is not read.
   *
   * @throws {DatabaseUnavailable} */
  async workflowOf(taskId: string): Promise<string | undefined> {
    if (timeOf(taskId) === undefined) return undefined;
    const { database } = this.#options;
    const [row] = await database.query<{ id: string }>(FIND_ID_BY_TASK, byTask(taskId));
    return row?.id;
  }

  /** @throws {DatabaseUnavailable} */
  async find(id: string): Promise<WorkflowRecord | undefined> {
    const { database, store } = this.#options;
    const [row] = await database.query<{ canvas: string; created_at: Date }>(FIND, [id]);
    if (!row) return undefined;
    const canvas = readCanvas(JSON.parse(row.canvas));
    const signatures = steps(canvas);
    const states = await store.states(signatures.map(idOf));
    const tasks = signatures.map((signature) => ({
      id: idOf(signature),
      name: signature.task,
      state: states.get(idOf(signature)) ?? "PENDING" as const,
    }));
    const last = endings(canvas).map(idOf);
    const pending = last.filter((one) => !isFinal(states.get(one) ?? "PENDING"));
    const state = workflowState(tasks.map(({ id }) => id), last, states);
    const base = {
      id,
      state,
      tasks,
      pending,
      canvas,
      createdAt: row.created_at,
      result: null,
      exception: null,
    };
    if (pending.length > 0) return base;
    const members = await store.outcomes(last);
    const records = new Map<string, TaskOutcome>(members.map((member) => [member.id, member]));
    const failed = failedMember(last, records);
    if (!failed) {
      const result = stringifyJson(valueOf(resultOf(canvas), records));
      return { ...base, result };
    }
    return { ...base, exception: failed.record?.exception ?? null };
  }
}

function tooLarge(): WorkflowTooLarge {
  return new WorkflowTooLarge(
    `Cannot start the workflow because the messages that start it take more than ${MAX_START_BYTES} bytes: send it in parts`,
  );
}

function idOf({ options }: Signature): string {
  return options.taskId!;
}
