/** Ends the stream of a caller whose rights have ended. */
import type { Context } from "hono";
import { isStillAllowed } from "./request_caller.ts";

/** Milliseconds between two checks: with the refresh of the keys, a revocation holds within 5 s. */
const EVERY_MS = 2000;

/** Calls back once when the key of a request's caller is revoked, or its rights expire. Stops when disposed.
 *
 * @param onEnd ends the stream */
export function watchRights(c: Context, onEnd: () => void): Disposable {
  const timer = setInterval(async () => {
    if (await isStillAllowed(c)) return;
    clearInterval(timer);
    onEnd();
  }, EVERY_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
