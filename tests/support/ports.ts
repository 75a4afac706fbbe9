/** Loopback ports for the servers of tests.
 * @module
 */
import { tmpdir } from "node:os";

/** Below the range from which systems serve outgoing connections: no client takes one meanwhile. */
const FIRST = 20_000;
const COUNT = 10_000;

/** Holds the port that comes next, for all processes of this user. */
const file = `${tmpdir()}/celeriac-test-ports-${Deno.uid() ?? "all"}`;

/** Finds free loopback ports.
 *
 * Every call, also in another process, gets other ports until all have had their turn: tests that run
 * at the same time do not take each other's between finding one here and listening on it there.
 *
 * @param count how many, all different
 * @throws when there are not so many */
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
