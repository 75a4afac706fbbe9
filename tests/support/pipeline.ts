/** Servers for a pipeline of real processes, with access by HTTP and SQL.
 * @module
 */
import type { Parameter } from "../../shared/database/database.ts";
import { PostgresDatabase } from "../../shared/database/postgres.ts";
import { eventually } from "./eventually.ts";
import { freshMigrated } from "./migrated.ts";
import { testApp } from "./roles.ts";
import { freshVhost, type TestDatabase, type Vhost } from "./servers.ts";

/** A fresh vhost and a fresh migrated database. Disposing deletes both. */
export interface Pipeline extends AsyncDisposable {
  readonly vhost: Vhost;
  readonly database: TestDatabase;
  /** Variables for a role that uses these servers and runs the test tasks. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs one statement as a superuser. */
  rows<Row extends object>(statement: string, values?: Parameter[]): Promise<Row[]>;
  /** Number of tasks in a state. */
  count(state: string): Promise<number>;
  /** Waits for the final state of a task and returns its row. */
  final(id: string): Promise<TaskRow>;
  /** Waits until an API has collected dead letters of a task, and returns them. */
  letters(id: string): Promise<LetterRow[]>;
}

/** Columns of `celeriac.dead_letter` that tests read. */
export interface LetterRow {
  readonly id: string;
  readonly reason: string;
}

/** Columns of `celeriac.task` that tests read. */
export interface TaskRow {
  readonly id: string;
  readonly state: string;
  readonly result: unknown;
  readonly exception: { exc_type: string; exc_message: string[] } | null;
  readonly retries: number;
}

const selectTask = `
SELECT id, state, result, exception, retries
FROM celeriac.task
WHERE id = $1 AND state IN ('SUCCESS', 'FAILURE', 'REVOKED')`;

const selectLetters = "SELECT id, reason FROM celeriac.dead_letter WHERE task_id = $1";

const countState = `SELECT count(*)::int AS count FROM celeriac.task WHERE state = $1`;

/** Prepares the servers. */
export async function freshPipeline(): Promise<Pipeline> {
  await using stack = new AsyncDisposableStack();
  const vhost = stack.use(await freshVhost());
  const database = stack.use(await freshMigrated());
  const pipeline = stack.use(await pipelineOn(vhost, database));
  const owned = stack.move();
  return { ...pipeline, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** A pipeline on existing servers, which the caller deletes. */
export async function pipelineOn(vhost: Vhost, database: TestDatabase): Promise<Pipeline> {
  const client = new PostgresDatabase({ url: database.url, max: 1 });
  await client.start();
  const rows = <Row extends object>(statement: string, values: Parameter[] = []) =>
    client.query<Row>(statement, values);
  return {
    vhost,
    database,
    env: { AMQP_URL: vhost.url, DATABASE_URL: database.url, ...testApp },
    rows,
    async count(state) {
      const [row] = await rows<{ count: number }>(countState, [state]);
      return row?.count ?? 0;
    },
    final(id) {
      return eventually(
        `a final state of ${id}`,
        async () => (await rows<TaskRow>(selectTask, [id]))[0],
      );
    },
    letters(id) {
      return eventually(`a dead letter of ${id}`, async () => {
        const letters = await rows<LetterRow>(selectLetters, [id]);
        return letters.length > 0 && letters;
      });
    },
    [Symbol.asyncDispose]: () => client.stop(),
  };
}

/** The API's representation of a task. */
export interface TaskAnswer {
  readonly id: string;
  readonly state: string;
  readonly result: unknown;
}

/** Submits a task.
 *
 * @param url the API's
 * @param headers for instance `{ prefer: "wait=5" }`
 * @throws if it is not accepted */
export async function submit(
  url: string,
  task: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<TaskAnswer> {
  const answer = await fetch(`${url}/v1/tasks/${task}`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  if (!answer.ok) throw new Error(`The API answered ${answer.status}: ${text}`);
  return JSON.parse(text);
}
