/** Faults of the network: connections that live at one end only.
 * @module
 */
import type { Direction } from "../../support/proxy.ts";
import type { Fault } from "../fault.ts";

/** What the broker says is lost: its deliveries, its confirms, its heartbeats. */
export const deaf: Fault = halfOpen("nothing from the broker arrives", "to client");

/** What we say is lost: publishes, acks, heartbeats. */
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
