/** Bulk jobs for an API: the table, and the runner of this process. */
import type { Sql } from "../../shared/database/database.ts";
import type { BulkParts } from "../actions/bulk_actions.ts";
import type { Service } from "../../shared/runtime/service.ts";
import { Submitter, type SubmitterOptions } from "../submitting/submitter.ts";
import { BulkRunner, type BulkRunnerOptions } from "./bulk_runner.ts";
import { BulkStore } from "./bulk_store.ts";

/** Dependencies of the jobs. */
export interface BulkOptions
  extends Omit<BulkRunnerOptions, "jobs" | "submitter">, SubmitterOptions {
  readonly database: Sql;
}

/** Opens the jobs. The caller starts and stops the runner. */
export function openBulk(options: BulkOptions): { runner: Service; bulk: BulkParts } {
  const store = new BulkStore(options);
  const runner = new BulkRunner({ ...options, jobs: store, submitter: new Submitter(options) });
  return { runner, bulk: { store, started: () => runner.wake() } };
}
