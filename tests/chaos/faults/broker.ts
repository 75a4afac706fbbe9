/** Faults of the broker.
 * @module
 */
import type { Fault } from "../fault.ts";

export const brokerKilled: Fault = {
  name: "SIGKILL of RabbitMQ, and its restart",
  broker: true,
  async provoke({ broker }) {
    await broker.kill();
    await broker.start();
  },
};

export const connectionsClosed: Fault = {
  name: "close_all_connections",
  broker: true,
  provoke: ({ broker, vhost }) =>
    broker.control("close_all_connections", "--vhost", vhost.vhost, "maintenance"),
};
