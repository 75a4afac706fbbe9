/** Network faults: half-open connections.
 * @module
 */
import type { Direction } from "../../support/proxy.ts";
import type { Fault } from "../fault.ts";

/** Drops the broker's deliveries, confirms and heartbeats. */
export const deaf: Fault = halfOpen("nothing from the broker arrives", "to client");

/** Drops the clients' publishes, acks and heartbeats. */
export const mute: Fault = halfOpen("nothing arrives at the broker", "to server");

function halfOpen(symptom: string, direction: Direction): Fault {
  return {
    name: `half-open TCP: ${symptom}`,
    broker: true,
    inHand: 3,
    provoke({ proxies }) {
      proxies.apiAmqp.strand(direction);
      proxies.workerAmqp.strand(direction);
      return Promise.resolve();
    },
  };
}
