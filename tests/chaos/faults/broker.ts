/** Faults of the broker.
 * @module
 */
import { applyDefinitions } from "../../../cli/rabbitmq/apply.ts";
import { renderDefinitions } from "../../../cli/rabbitmq/render.ts";
import { management } from "../../support/servers.ts";
import { type Fault, lasting } from "../fault.ts";
import { endBeats, startBeats } from "./dispatcher.ts";
import { waitingInOutbox } from "../outbox.ts";
import { QUEUE, type Supervisor } from "../supervisor.ts";

/** Number of unaccepted messages that shows that a fault took effect. */
const REFUSED = 200;

export const brokerKilled: Fault = {
  name: "SIGKILL and restart of RabbitMQ",
  broker: true,
  events: true,
  begin: startBeats,
  async provoke({ broker }) {
    await broker.kill();
    await broker.start();
  },
  end: endBeats,
};

export const brokerFrozen: Fault = {
  name: "SIGSTOP of RabbitMQ past the heartbeat",
  broker: true,
  async provoke({ broker }) {
    await broker.pause();
    await lasting(15);
    await broker.resume();
  },
};

export const memoryAlarm: Fault = {
  name: "memory alarm on and off",
  broker: true,
  async provoke(system) {
    await system.broker.control("set_vm_memory_high_watermark", "absolute", "1000000");
    await waitingInOutbox(system, REFUSED);
    await system.broker.control("set_vm_memory_high_watermark", "0.6");
  },
};

export const diskAlarm: Fault = {
  name: "disk alarm on and off",
  broker: true,
  async provoke(system) {
    await system.broker.control("set_disk_free_limit", "9000GB");
    await waitingInOutbox(system, REFUSED);
    await system.broker.control("set_disk_free_limit", "50MB");
  },
};

/** Fills a queue with a low length limit until it nacks publishes, then removes the limit. RabbitMQ 3.10 does not notify
 * channels when a queue is no longer full. */
export const queueOverflown: Fault = {
  name: "queue full: publishes nacked",
  broker: true,
  async provoke(system) {
    const { broker, vhost, workers } = system;
    const policy = ["--vhost", vhost.vhost, "short"];
    const definition = JSON.stringify({ "max-length": 100 });
    await broker.control("set_operator_policy", ...policy, `^${QUEUE}$`, definition);
    for (const worker of workers) worker.signal("SIGSTOP");
    await waitingInOutbox(system, REFUSED);
    for (const worker of workers) worker.signal("SIGCONT");
    await broker.control("clear_operator_policy", ...policy);
  },
};

export const connectionsClosed: Fault = {
  name: "close_all_connections",
  broker: true,
  inHand: 1,
  provoke: ({ broker, vhost }) =>
    broker.control("close_all_connections", "--vhost", vhost.vhost, "maintenance"),
};

/** Deletes the queue while it is empty, because its messages would be deleted too. */
export const consumersCancelled: Fault = {
  name: "consumers cancelled: queue deleted and declared again at once",
  broker: true,
  async provoke(system, load) {
    await load.pause();
    await withoutQueue(system, () => load.resume());
  },
};

/** Publishes fail because the queue does not exist; the client retries until it does. */
export const queueDeleted: Fault = {
  name: "queue deleted and declared again 3 s later",
  broker: true,
  async provoke(system, load) {
    await load.pause();
    await withoutQueue(system, async () => {
      load.resume();
      await lasting(3);
    });
  },
  hit: ({ refused }) => refused > 0,
};

async function withoutQueue(
  { vhost }: Supervisor,
  meanwhile: () => void | Promise<void>,
): Promise<void> {
  await management(vhost.managementUrl, "DELETE", `/api/queues/${vhost.vhost}/${QUEUE}`);
  await meanwhile();
  await applyDefinitions(vhost.management, await renderDefinitions(vhost.options));
}
