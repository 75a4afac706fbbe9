/** Which tables the records are in. */
import type { Sql } from "../database/database.ts";
import { DjangoTables } from "./django.ts";
import { NATIVE } from "./native.sql.ts";
import { PostgresResultStore } from "./postgres.ts";

/** `native`: our own schema; `django`: django-celery-results' tables. */
export type Results = "native" | "django";

/** The store of this choice. */
export function resultStore(results: Results, database: Sql): PostgresResultStore {
  const tables = results === "django" ? new DjangoTables() : NATIVE;
  return new PostgresResultStore({ database, tables });
}
