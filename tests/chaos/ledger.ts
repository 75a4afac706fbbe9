/** What the client was promised, held against what the system has.
 * @module
 */
import type { LedgerLine } from "./client.ts";
import type { Expectation } from "./workload.ts";

/** The ledger of one run. */
export interface Ledger {
  readonly accepted: readonly Expectation[];
  /** Answers that no fault excuses. */
  readonly problems: readonly LedgerLine[];
}

/** Reads a ledger; a line that is still being written does not count. */
export async function readLedger(path: string): Promise<Ledger> {
  const text = await Deno.readTextFile(path);
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter(Boolean)
    .map((line): LedgerLine => JSON.parse(line));
  return {
    accepted: lines.filter(({ status }) => status === 202).flatMap(({ tasks }) => tasks),
    problems: lines.filter(({ status }) => status !== 202),
  };
}
