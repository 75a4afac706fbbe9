/** Faults of workers.
 * @module
 */
import { type Fault, lasting } from "../fault.ts";

export const workerKilled: Fault = {
  name: "SIGKILL of a worker",
  broker: false,
  provoke: ({ workers }) => workers[0]!.kill(),
  mend: ({ workers }) => workers[0]!.start(),
};

/** The broker gives up on it, hands its messages to the other worker, and then it goes on where it stood. */
export const workerFrozen: Fault = {
  name: "SIGSTOP of a worker past redelivery, then SIGCONT",
  broker: false,
  cycles: 1,
  async provoke({ workers }) {
    workers[0]!.signal("SIGSTOP");
    await lasting(15);
    workers[0]!.signal("SIGCONT");
  },
};

export const workerDrained: Fault = {
  name: "SIGTERM of a worker under load",
  broker: false,
  async provoke({ workers }) {
    const code = await workers[0]!.drain();
    if (code !== 0) throw new Error(`The worker ended with ${code} after SIGTERM`);
  },
  mend: ({ workers }) => workers[0]!.start(),
};
