/** Finds loopback ports for test servers.
 * @module
 */
import { tmpdir } from "node:os";

/** Below the ephemeral port range, so that no outgoing connection takes one. */
const FIRST = 20_000;
const COUNT = 10_000;

/** Stores the next port for all processes of this user. */
const file = `${tmpdir()}/celeriac-test-ports-${Deno.uid() ?? "all"}`;

/** Finds free loopback ports.
 *
 * Calls, also those of other processes, get different ports until all have been used. Tests that run
 * at the same time therefore do not take each other's port before they listen on it.
 *
 * @param count number of different ports
 * @throws if there are too few free ports */
export function freePorts(count: number): number[] {
  using turn = Deno.openSync(file, { read: true, write: true, create: true });
  turn.lockSync(true);
  const ports: number[] = [];
  let next = Number(Deno.readTextFileSync(file)) || FIRST;
  for (let tried = 0; ports.length < count; tried++) {
    if (tried === COUNT) throw new Error(`Cannot find ${count} free ports because all are in use`);
    if (isFree(next)) ports.push(next);
    next = FIRST + (next + 1 - FIRST) % COUNT;
  }
  Deno.writeTextFileSync(file, `${next}`);
  return ports;
}

function isFree(port: number): boolean {
  try {
    Deno.listen({ hostname: "127.0.0.1", port }).close();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return false;
    throw error;
  }
}
