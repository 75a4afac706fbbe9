/** Opens the stores for the configured tables. */
import type { Database, Sql } from "../database/database.ts";
import { type ChordStore, NativeChords } from "../workflows/chords.ts";
import { DjangoTables } from "./django.ts";
import { DjangoChords } from "../workflows/django_chords.ts";
import { NATIVE } from "./native.sql.ts";
import { PostgresResultStore } from "./postgres.ts";

/** `native`: Celeriac's schema; `django`: the tables of django-celery-results. */
export type Results = "native" | "django";

/** Opens the result store. */
export function resultStore(results: Results, database: Sql): PostgresResultStore {
  const tables = results === "django" ? new DjangoTables() : NATIVE;
  return new PostgresResultStore({ database, tables });
}

/** Opens the chord store. */
export function chordStore(results: Results, database: Database): ChordStore {
  return results === "django" ? new DjangoChords({ database }) : new NativeChords({ database });
}
