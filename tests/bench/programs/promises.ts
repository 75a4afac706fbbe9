/** The promises of a worker, in the order in which the measurement `ladder` adds them.
 * @module
 */

/** A promise, and what keeps it in the bare loop. */
export const PROMISES = {
  "record": "the record with its indexes and partitions",
  "message": "Celery's message, decoded and checked",
  "handler": "validated input, time limit",
  "first state": "PENDING is visible, the first final state wins",
  "claim": "no parallel run of a duplicate",
  "metrics": "metrics",
} as const;

/** Name of a promise. */
export type BarePromise = keyof typeof PROMISES;

/** Names of all promises, in their order. */
export const ALL_PROMISES = Object.keys(PROMISES) as readonly BarePromise[];
