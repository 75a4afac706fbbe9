/** Faults of workers.
 * @module
 */
import { checkout } from "../../support/roles.ts";
import { type Fault, lasting } from "../fault.ts";
import type { Role } from "../role.ts";

export const workerKilled: Fault = {
  name: "SIGKILL of a worker",
  broker: false,
  provoke: ({ workers }) => workers[0]!.kill(),
  recover: ({ workers }) => workers[0]!.start(),
};

/** The broker closes the frozen worker's connection and redelivers its messages to the other worker; then the worker resumes. */
export const workerFrozen: Fault = {
  name: "SIGSTOP of a worker past redelivery",
  broker: false,
  inHand: 3,
  async provoke({ workers }) {
    workers[0]!.signal("SIGSTOP");
    await lasting(15);
    workers[0]!.signal("SIGCONT");
  },
};

export const workerDrained: Fault = {
  name: "SIGTERM of a worker under load",
  broker: false,
  free: true,
  provoke: ({ workers }) => drained(workers[0]!),
  recover: ({ workers }) => workers[0]!.start(),
};

/** Restarts workers one after the other, as a Deployment does. */
export const workersUpdated: Fault = {
  name: "rolling update of all workers under load",
  broker: false,
  free: true,
  async provoke({ workers }) {
    for (const worker of workers) {
      await drained(worker);
      await worker.start();
    }
  },
};

const BEHIND = `${checkout}tests/chaos/clocks/behind.ts`;
const AHEAD = `${checkout}tests/chaos/clocks/ahead.ts`;
/** Clocks of both workers in each cycle. They differ by up to 30 s. */
const CLOCKS = [[BEHIND, BEHIND], [AHEAD, AHEAD], [BEHIND, AHEAD]] as const;

export const clocksSkewed: Fault = {
  name: "clocks of the workers 15 s behind or ahead",
  broker: false,
  outboxRows: 1,
  async provoke({ workers }, _, cycle) {
    const clocks = CLOCKS[cycle % CLOCKS.length]!;
    await Promise.all(workers.map((worker, index) => restarted(worker, clocks[index])));
    await lasting(8);
  },
  async end({ workers }) {
    await Promise.all(workers.map((worker) => restarted(worker)));
  },
};

/** @param clock a module to preload */
async function restarted(worker: Role, clock?: string): Promise<void> {
  await drained(worker);
  await worker.start(clock ? [`--preload=${clock}`] : []);
}

async function drained(worker: Role): Promise<void> {
  const code = await worker.drain();
  if (code !== 0) throw new Error(`The worker exited with code ${code} after SIGTERM`);
}
