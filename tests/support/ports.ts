/** Finds free loopback ports.
 *
 * They lie below the range from which systems serve outgoing connections, so that no client of
 * another test takes one between finding it here and listening on it there.
 *
 * @param count how many, all different */
export function freePorts(count: number): number[] {
  const listeners: Deno.Listener[] = [];
  try {
    while (listeners.length < count) {
      const port = 20_000 + Math.floor(Math.random() * 10_000);
      try {
        listeners.push(Deno.listen({ hostname: "127.0.0.1", port }));
      } catch (error) {
        if (!(error instanceof Deno.errors.AddrInUse)) throw error;
      }
    }
    return listeners.map((listener) => (listener.addr as Deno.NetAddr).port);
  } finally {
    for (const listener of listeners) listener.close();
  }
}
