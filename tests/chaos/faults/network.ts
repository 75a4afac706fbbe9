/** Faults of the network: connections that live at one end only.
 * @module
 */
import type { Fault } from "../fault.ts";

const IN_HAND = 3;

/** What the broker says is lost: its deliveries, its confirms, its heartbeats. */
export const deaf: Fault = {
  name: "half-open TCP: nothing from the broker arrives",
  broker: true,
  cycles: 2,
  inHand: IN_HAND,
  provoke({ proxies }) {
    proxies.apiAmqp.strand("to client");
    proxies.workerAmqp.strand("to client");
    return Promise.resolve();
  },
};

/** What we say is lost: publishes, acks, heartbeats. */
export const mute: Fault = {
  name: "half-open TCP: nothing arrives at the broker",
  broker: true,
  cycles: 2,
  inHand: IN_HAND,
  provoke({ proxies }) {
    proxies.apiAmqp.strand("to server");
    proxies.workerAmqp.strand("to server");
    return Promise.resolve();
  },
};
