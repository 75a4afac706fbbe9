/** Faults of Postgres.
 * @module
 */
import { type Fault, lasting } from "../fault.ts";
import { waitingInOutbox } from "../outbox.ts";
import type { Supervisor } from "../supervisor.ts";

/** Clients receive no response for commits of the last moment. */
export const databaseRestarted: Fault = {
  name: "immediate restart of Postgres amid commits",
  broker: false,
  async provoke({ postgres, proxies }) {
    proxies.database.swallow("to client");
    await lasting(0.3);
    await postgres.stop("immediate");
    proxies.database.cut();
    proxies.database.pass();
    await postgres.start(AbortSignal.timeout(60_000));
  },
};

export const databaseDown: Fault = {
  name: "Postgres down for 20 s",
  broker: false,
  cycles: 1,
  async provoke({ postgres }) {
    await postgres.stop();
    await lasting(20);
    await postgres.start(AbortSignal.timeout(60_000));
  },
};

/** No task can be stored: callers get a timely 503 and retry. */
export const bothSilent: Fault = {
  name: "RabbitMQ and Postgres both silent for 8 s",
  broker: false,
  async provoke({ broker, proxies }) {
    await broker.pause();
    proxies.database.swallow();
    await lasting(8);
    proxies.database.pass();
    await broker.resume();
  },
  hit: ({ refused }) => refused > 0,
};

/** Postgres may fail statements or crash; it is restarted when there is space again. */
export const diskFull: Fault = {
  name: "Postgres' disk full for 5 s",
  broker: false,
  async provoke({ disk, postgres }) {
    disk.fill();
    await lasting(5);
    disk.free();
    if (!await answers(postgres)) {
      await postgres.stop("immediate");
      await postgres.start(AbortSignal.timeout(60_000));
    }
  },
};

/** Several batches of each relay. Draining takes about as long as submitting them. */
const OUTAGE = 4_000;

/** The broker is down until the outbox has many messages; then two relays drain them. */
export const outboxDrained: Fault = {
  name: "large outbox drained",
  broker: false,
  cycles: 1,
  count: OUTAGE + 2000,
  rate: 600,
  async provoke(system) {
    await system.broker.kill();
    await waitingInOutbox(system, OUTAGE);
    await system.broker.start();
  },
};

async function answers(postgres: Supervisor["postgres"]): Promise<boolean> {
  if (!postgres.running) return false;
  await lasting(1); // a crash happens immediately
  return postgres.running;
}
