/** How a server stops: a first SIGTERM or Ctrl-C drains, a second hurries. */

/** Resolves at the first signal; calls `hurry` at each further one. */
export function stopSignal(hurry: () => void = () => {}): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let stopping = false;
  const onSignal = () => {
    if (stopping) return hurry();
    stopping = true;
    resolve();
  };
  Deno.addSignalListener("SIGTERM", onSignal);
  Deno.addSignalListener("SIGINT", onSignal);
  return promise;
}
