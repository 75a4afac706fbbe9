/** Signals: the first SIGTERM or Ctrl-C drains, the second stops immediately. */

/** Signals within this time count as one: under `deno task`, both terminal and task runner send a Ctrl-C. */
const TWIN_MS = 500;

/** Resolves at the first signal; calls `hurry` at each further one. */
export function stopSignal(hurry: () => void = () => {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let first: number | undefined;
  const onSignal = () => {
    const now = performance.now();
    if (first !== undefined) return now - first < TWIN_MS ? undefined : hurry();
    first = now;
    resolve();
  };
  Deno.addSignalListener("SIGTERM", onSignal);
  Deno.addSignalListener("SIGINT", onSignal);
  return promise;
}
