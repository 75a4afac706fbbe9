/** The list of workflows, newest first. */
import { readCanvas } from "../celery/canvas.ts";
import { steps } from "../celery/canvas_tree.ts";
import { type Database, LIST_OPTIONS } from "../database/database.ts";
import { readCursor, writeCursor } from "../results/cursor.ts";
import { isFinal, type State } from "../results/result.ts";
import type { ResultStore } from "../results/store.ts";
import { workflowState } from "./state.ts";

/** A workflow in the list. */
export interface WorkflowSummary {
  readonly id: string;
  readonly createdAt: Date;
  /** Number of its tasks. */
  readonly total: number;
  /** Names of its tasks in order, each once; `null` for a workflow of more than 64 KiB. */
  readonly names: readonly string[] | null;
  /** `null`, as `done`, for a workflow of more than 500 tasks. */
  readonly state: State | null;
  /** Number of tasks that have ended. */
  readonly done: number | null;
}

/** A page of the list. */
export interface WorkflowPage {
  readonly workflows: readonly WorkflowSummary[];
  /** Cursor of the next page; `null` when there is none. */
  readonly next: string | null;
}

/** Tasks whose states are read for the list. A workflow may have many more. */
const TASKS_MAX = 500;

/** Bytes of a canvas that is read for the list. The size in the table may be compressed. */
const CANVAS_MAX = 64 * 1024;

const LIST = `
  select id, created_at, cardinality(tasks) as total,
    to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as time,
    case when cardinality(tasks) <= ${TASKS_MAX} then to_json(tasks) end as tasks,
    case when cardinality(tasks) <= ${TASKS_MAX} then to_json(endings) end as endings,
    case when pg_column_size(canvas) <= ${CANVAS_MAX} and octet_length(canvas::text) <= ${CANVAS_MAX}
      then canvas::text end as canvas
  from celeriac.workflow
  where $2::text is null or (created_at, id) < ($2::text::timestamptz, $3::text)
  order by created_at desc, id desc limit $1`;

interface Row {
  readonly id: string;
  readonly created_at: Date;
  readonly total: number;
  readonly time: string;
  readonly tasks: readonly string[] | null;
  readonly endings: readonly string[] | null;
  readonly canvas: string | null;
}

/** Reads the list. */
export class WorkflowListing {
  readonly #database: Database;
  readonly #store: Pick<ResultStore, "states">;

  constructor(
    { database, store }: { database: Database; store: Pick<ResultStore, "states"> },
  ) {
    this.#database = database;
    this.#store = store;
  }

  /** @param limit maximum number of workflows
   * @param cursor `next` of the previous page
   * @throws {InvalidInput} for an invalid cursor
   * @throws {DatabaseUnavailable}
   * @throws {DatabaseTooSlow} */
  async list(limit: number, cursor?: string): Promise<WorkflowPage> {
    const after = cursor === undefined ? undefined : readCursor(cursor);
    const found = await this.#database.query<Row>(LIST, [
      limit + 1,
      after?.time ?? null,
      after?.id ?? null,
    ], LIST_OPTIONS);
    const rows = found.slice(0, limit);
    const states = await this.#store.states(rows.flatMap(({ tasks }) => tasks ?? []));
    const last = rows.at(-1);
    return {
      workflows: rows.map((row) => summaryOf(row, states)),
      next: found.length > limit && last ? writeCursor(last) : null,
    };
  }
}

function summaryOf(
  { id, created_at, total, tasks, endings, canvas }: Row,
  states: ReadonlyMap<string, State>,
): WorkflowSummary {
  return {
    id,
    createdAt: created_at,
    total,
    names: canvas === null
      ? null
      : [...new Set(steps(readCanvas(JSON.parse(canvas))).map(({ task }) => task))],
    state: tasks && endings && workflowState(tasks, endings, states),
    done: tasks && tasks.filter((task) => isFinal(states.get(task) ?? "PENDING")).length,
  };
}
