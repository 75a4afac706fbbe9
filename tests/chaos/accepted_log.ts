/** Reads the client's log of accepted tasks.
 * @module
 */
import type { LogLine } from "./client.ts";
import type { Expectation } from "./workload.ts";

/** The log of one run. */
export interface AcceptedLog {
  readonly accepted: readonly Expectation[];
  /** Responses that no fault can cause. */
  readonly problems: readonly LogLine[];
}

/** Reads a log; ignores an incomplete last line. */
export async function readAcceptedLog(path: string): Promise<AcceptedLog> {
  const text = await Deno.readTextFile(path);
  const lines = text.slice(0, text.lastIndexOf("\n") + 1).split("\n").filter(Boolean)
    .map((line): LogLine => JSON.parse(line));
  return {
    accepted: lines.filter(({ status }) => status === 202).flatMap(({ tasks }) => tasks),
    problems: lines.filter(({ status }) => status !== 202),
  };
}
