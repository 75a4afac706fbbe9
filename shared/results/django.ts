/** The tables of django-celery-results as storage for records. */
import type { Sql } from "../database/database.ts";
import { type DjangoShape, djangoStatements, TASK_TABLE } from "./django.sql.ts";
import type { Statements, Tables } from "./statements.ts";

/** Milliseconds after which the table's columns are read again, because Django may have migrated it. */
const FRESH_MS = 60_000;

/** The columns of the latest release. */
const NEWEST: DjangoShape = { nameLength: 255, dateStarted: true };

const SHAPE = `
  select max(atttypmod - 4) filter (where attname = 'task_name') as name_length,
    coalesce(bool_or(attname = 'date_started'), false) as date_started
  from pg_attribute
  where attrelid = to_regclass('${TASK_TABLE}') and attnum > 0 and not attisdropped`;

/** The app's tables of any supported release, created by Django's migrations or by Celeriac. */
export class DjangoTables implements Tables {
  #known: { statements: Statements; shape: string; until: number } | undefined;

  async statements(sql: Sql): Promise<Statements> {
    const now = performance.now();
    if (this.#known && now < this.#known.until) return this.#known.statements;
    const [row] = await sql.query<{ name_length: number | null; date_started: boolean }>(SHAPE);
    // Without the table, every statement reports that until the table exists.
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
