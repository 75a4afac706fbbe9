/** Faults of workers.
 * @module
 */
import type { Fault } from "../fault.ts";

export const workerKilled: Fault = {
  name: "SIGKILL of a worker",
  broker: false,
  provoke: ({ workers }) => workers[0]!.kill(),
  mend: ({ workers }) => workers[0]!.start(),
};
