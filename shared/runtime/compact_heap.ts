/** Returns unused memory of the heap to the system. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** V8's function, with the options of its extension `gc` (src/extensions/gc-extension.cc). */
type CollectGarbage = (options: {
  readonly type: "major";
  readonly execution: "sync";
  readonly flavor: "last-resort";
}) => void;

/** Collects all garbage and shrinks the heap to its objects. Blocks for about 100 ms, so call it once, at the end of a start: a process
 * that then waits for its first task allocates too little for V8 to do so itself.
 *
 * @example
 * ```ts
 * import { compactHeap } from "./compact_heap.ts";
 * import { assert } from "@std/assert";
 *
 * let modules: unknown = Array.from({ length: 1e6 }, () => ({}));
 * const before = Deno.memoryUsage().heapTotal;
 * modules = undefined;
 * compactHeap();
 * assert(Deno.memoryUsage().heapTotal < before, `${modules}`);
 * ```
 */
export function compactHeap(): void {
  // The function exists only in contexts that are created with the flag.
  setFlagsFromString("--expose-gc");
  const collect: CollectGarbage = runInNewContext("gc");
  setFlagsFromString("--no-expose-gc");
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
