/** The statements of the bare loop. Settling takes many tasks as one JSON text, as the worker does.
 * @module
 */

/** A table without partitions and further indexes. */
export const MAKE_TABLE =
  "CREATE TABLE bare (id text PRIMARY KEY, state text, result json, finished_at timestamptz DEFAULT now())";

/** Inserts rows of three columns. */
export const INTO_ROW = `
  INSERT INTO bare (id, state, result)
  SELECT id, 'SUCCESS', result::json
  FROM json_to_recordset($1::text::json) AS settled (id text, result text)
  ON CONFLICT (id) DO NOTHING`;

const RECORDS = `
  INSERT INTO celeriac.task AS task (
    id, name, state, queue, worker, args_repr, kwargs_repr, result, deliveries, started_at, finished_at
  )
  SELECT id, name, 'SUCCESS', 'celeriac.default', 'bare@localhost', args_repr, kwargs_repr, result::json, 1,
    coalesce(started_at, now()), now()
  FROM json_to_recordset($1::text::json) AS settled (
    id text, name text, args_repr text, kwargs_repr text, result text, started_at timestamptz
  )
  ON CONFLICT (id)`;

/** Inserts the records that the worker writes. */
export const INTO_RECORD = `${RECORDS} DO NOTHING`;

/** Inserts PENDING records. */
export const INTO_PENDING = `
  INSERT INTO celeriac.task (id, name, queue, args_repr, kwargs_repr, submitted_at)
  SELECT id, 'add', 'celeriac.default', '(1, 2)', '{}', now() FROM unnest($1::text[]) AS submitted (id)`;

/** Makes PENDING records final. The first final state wins. */
export const OVER_PENDING = `${RECORDS} DO UPDATE SET
    state = excluded.state, worker = excluded.worker, result = excluded.result, deliveries = excluded.deliveries,
    started_at = excluded.started_at, finished_at = excluded.finished_at, updated_at = now()
  WHERE task.finished_at IS NULL
  RETURNING id`;

/** The worker's claim: inserts a row for each task and reads its record. */
export const CLAIM = `
  SELECT id, state, held FROM celeriac.claim($1, $2::text[], $3::integer[])`;

/** Deletes the rows of claims. */
export const RELEASE =
  "DELETE FROM celeriac.holder WHERE task_id = any($2::text[]) AND round = 0 AND node = $1";
