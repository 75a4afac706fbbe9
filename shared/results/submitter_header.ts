/** The header that names the caller that submitted a task. It travels with the message, because a fast task is settled before its
 * PENDING record is written. */
import type { Headers } from "../broker/message.ts";

/** Name of the header. The API sets it, and refuses it in requests. */
export const SUBMITTER_HEADER = "celeriac-submitted-by";

/** The caller: `key:ID` or `jwt:SUBJECT`; `undefined` for the operator, for schedules and for other systems. */
export function submitterOf(headers: Headers | undefined): string | undefined {
  const submitter = headers?.[SUBMITTER_HEADER];
  return typeof submitter === "string" ? submitter : undefined;
}
