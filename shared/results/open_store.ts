/** Which tables the records are in. */
import type { Database, Sql } from "../database/database.ts";
import { type ChordStore, NativeChords } from "../workflows/chords.ts";
import { DjangoTables } from "./django.ts";
import { DjangoChords } from "../workflows/django_chords.ts";
import { NATIVE } from "./native.sql.ts";
import { PostgresResultStore } from "./postgres.ts";

/** `native`: our own schema; `django`: django-celery-results' tables. */
export type Results = "native" | "django";

/** The store of this choice. */
export function resultStore(results: Results, database: Sql): PostgresResultStore {
  const tables = results === "django" ? new DjangoTables() : NATIVE;
  return new PostgresResultStore({ database, tables });
}

/** Where the chords of this choice are counted. */
export function chordStore(results: Results, database: Database): ChordStore {
  return results === "django" ? new DjangoChords({ database }) : new NativeChords({ database });
}
