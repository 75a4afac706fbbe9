/** How a server stops: a first SIGTERM or Ctrl-C drains, a second hurries. */

/** Signals closer together than this are one: under `deno task` a Ctrl-C comes from the terminal and again from the task runner. */
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
