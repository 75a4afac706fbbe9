/** Faults while messages are parked, and while they are released.
 * @module
 */
import { assert } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import type { Fault } from "../fault.ts";
import { QUEUE_ASIDE, type Supervisor } from "../supervisor.ts";

/** A task of most submissions, and the queue of others. */
const PAUSED = ["tasks/chaos.work", `queues/${QUEUE_ASIDE}`];
/** Messages that show that workers park. */
const SOME = 50;
/** Messages per second of the resume that a fault interrupts. */
const SLOWLY = 10;

const selectParked = "select coalesce(sum(parked), 0)::int as parked from celeriac.pause";

const selectLeft = `
  select (select count(*) from celeriac.pause)::int as pauses, (select count(*) from celeriac.parked)::int as parked`;

/** A worker and the broker end while messages are parked, and again while some are released. */
export const pausedKilled: Fault = {
  name: "worker and RabbitMQ killed while messages are parked and while they are released",
  broker: false,
  cycles: 2,
  outboxRows: 3,
  async provoke(system) {
    await each(system, "PUT");
    await untilParked(system, SOME);
    await restart(system);
    await each(system, "DELETE", `?rate=${SLOWLY}`);
    await restart(system);
    await each(system, "DELETE", "", [200, 404]); // 404: all are released
    await eventually("the end of the pauses", async () => (await parked(system)) === 0);
  },
  async end(system) {
    await eventually("the end of the pauses", async () => {
      const [left] = await system.rows<{ pauses: number; parked: number }>(selectLeft);
      return left!.pauses === 0 && left!.parked === 0;
    });
  },
};

/** Waits until so many more messages are parked. */
async function untilParked(system: Supervisor, more: number): Promise<void> {
  const before = await parked(system);
  await eventually(
    `${more} parked messages`,
    async () => await parked(system) >= before + more,
    { within: 60 },
  );
}

/** Kills a worker and the broker, and starts them again. */
async function restart(system: Supervisor): Promise<void> {
  const [worker] = system.workers;
  await worker!.kill();
  await system.broker.kill();
  await system.broker.start();
  await worker!.start();
}

async function parked(system: Supervisor): Promise<number> {
  const [row] = await system.rows<{ parked: number }>(selectParked);
  return row!.parked;
}

/** Pauses or resumes all, as a client does that tries again after a 503. */
async function each(
  { urls }: Supervisor,
  method: string,
  query = "",
  expected = [200],
): Promise<void> {
  for (const path of PAUSED) {
    await eventually(`${method} ${path}`, async () => {
      const answer = await fetch(`${urls[1]}/v1/${path}/pause${query}`, { method });
      const text = await answer.text();
      assert([503, ...expected].includes(answer.status), text);
      return answer.status !== 503;
    }, { within: 60 });
  }
}
