/** django-celery-results' tables as a place for records. */
import type { Sql } from "../database/database.ts";
import { type DjangoShape, djangoStatements, TASK_TABLE } from "./django.sql.ts";
import type { Statements, Tables } from "./statements.ts";

/** Milliseconds after which the table is looked at anew: Django may have migrated it. */
const FRESH_MS = 60_000;

/** What a fresh installation of the newest release has. */
const NEWEST: DjangoShape = { nameLength: 255, dateStarted: true };

const SHAPE = `
  select max(atttypmod - 4) filter (where attname = 'task_name') as name_length,
    coalesce(bool_or(attname = 'date_started'), false) as date_started
  from pg_attribute
  where attrelid = to_regclass('${TASK_TABLE}') and attnum > 0 and not attisdropped`;

/** The shop's own tables, as old or new as they are: made by Django's migrations or by ours. */
export class DjangoTables implements Tables {
  #known: { statements: Statements; shape: string; until: number } | undefined;

  async statements(sql: Sql): Promise<Statements> {
    const now = performance.now();
    if (this.#known && now < this.#known.until) return this.#known.statements;
    const [row] = await sql.query<{ name_length: number | null; date_started: boolean }>(SHAPE);
    // Without the table each statement says so itself, until somebody has made it.
    if (!row || row.name_length === null) return djangoStatements(NEWEST);
    const shape = { nameLength: row.name_length, dateStarted: row.date_started };
    const key = JSON.stringify(shape);
    const statements = this.#known?.shape === key
      ? this.#known.statements
      : djangoStatements(shape);
    this.#known = { statements, shape: key, until: now + FRESH_MS };
    return statements;
  }
}
