/** What a handler's error says about its signal.
 * @module
 */
import { isError, property } from "../../shared/runtime/thrown.ts";

/** The reason of the signal where the error is only a library's word for it: many throw an `AbortError` of their own when their
 * signal aborts, in place of its reason, and a soft time limit must be seen as one. Other errors stay what they are.
 *
 * @example
 * ```ts
 * import { abortReason } from "./abort_reason.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const why = new RangeError("enough");
 * const own = new DOMException("The operation was aborted", "AbortError");
 * assertEquals(abortReason(own, AbortSignal.abort(why)), why);
 * assertEquals(abortReason(own, new AbortController().signal), own);
 * ```
 */
export function abortReason(error: unknown, signal: AbortSignal): unknown {
  return signal.aborted && isError(error) && property(error, "name") === "AbortError"
    ? signal.reason
    : error;
}
