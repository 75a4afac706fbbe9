/** Statements of the relay. All are planned for each call: the outbox is empty most of the time, and fills within seconds. */
import type { QueryOptions } from "../database/database.ts";

/** Options of all statements. With a plan made for an empty table, one TAKE of 100,000 entries took 61 s instead of 18 ms. */
export const PLANNED: QueryOptions = { replan: true };

/** Leases due entries: at most $1 entries or $3 bytes, for $2 seconds, without those of the destinations $4; leased messages only with $5.
 *
 * Without statistics, the planner expects nearly no row for `holder is null`, and would sort the whole table.
 *
 * No transaction stays open during publishing. The lease in due_at replaces a lock, and a single connection (PGlite)
 * stays free. */
export const TAKE = `
  with due as materialized (
    select id, due_at, octet_length(body) as size from celeriac.outbox
    where due_at <= now() and (num_nonnulls(holder) < 1 or $5) and (exchange, routing_key) not in (
      select exchange, routing_key from json_to_recordset($4::text::json)
        as unconfirmed (exchange text, routing_key text))
    order by due_at, id limit $1 for update skip locked
  ), taken as (
    select id, due_at, sum(size) over (order by due_at, id) - size as before from due
  )
  update celeriac.outbox as entry set due_at = now() + $2 * interval '1 second', offer = entry.id, holder = null
  from taken where entry.id = taken.id and taken.before < $3
  returning entry.id, taken.due_at, entry.task_id, entry.retries, entry.exchange, entry.routing_key,
    entry.properties, entry.headers, entry.body, entry.attempts`;

/** Deletes the entries $1. */
export const REMOVE = "delete from celeriac.outbox where id = any($1::bigint[])";

/** A separate statement, because another relay may have taken over the entry and deleted it. */
export const GIVE_UP = `${REMOVE} returning id`;

/** Returns unpublished entries: with their old due time, or after a delay. */
export const PUT_BACK = `
  update celeriac.outbox as entry
  set due_at = coalesce(failed.due_at, now() + failed.delay * interval '1 second'),
    attempts = failed.attempts, last_error = failed.error
  from json_to_recordset($1::text::json)
    as failed (id bigint, due_at timestamptz, delay float8, attempts integer, error text)
  where entry.id = failed.id`;

/** Milliseconds until the next entry is due; leased messages count only with $1. */
export const NEXT_DUE =
  "select (extract(epoch from min(due_at) - clock_timestamp()) * 1000)::float8 as ms from celeriac.outbox where holder is null or $1";
