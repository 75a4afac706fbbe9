/** Finds loopback ports for test servers.
 * @module
 */
import { tmpdir } from "node:os";

/** The range is below the ephemeral ports, so that no outgoing connection takes one, and below the
 * fixed ports of `CELERIAC_TEST_BROKER` (24,370 and from 25,000), which does not start if one is in use. */
const FIRST = 16_000;
const COUNT = 8_000;

/** Stores the number of ports tried so far for all processes of this user. */
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
  const start = Number(Deno.readTextFileSync(file)) || 0;
  let tried = 0;
  for (; ports.length < count; tried++) {
    if (tried === COUNT) throw new Error(`Cannot find ${count} free ports because all are in use`);
    const port = FIRST + (start + tried) % COUNT;
    if (isFree(port)) ports.push(port);
  }
  Deno.writeTextFileSync(file, `${start + tried}`);
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
