/** The reason behind an `AbortError` of a handler.
 * @module
 */
import { isError, property } from "../../shared/runtime/thrown.ts";

/** Returns the signal's reason if the error is an `AbortError`, otherwise the error. Many libraries throw their own `AbortError` instead of
 * the reason of an aborted signal, which may be a soft time limit.
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
