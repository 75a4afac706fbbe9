/** A queue whose majority is gone.
 * @module
 */
import { eventually } from "../../support/eventually.ts";
import { type Fault, lasting } from "../fault.ts";
import type { Peers } from "../peers.ts";
import { QUEUE_ASIDE, type Supervisor } from "../supervisor.ts";

/** Tasks that are sent to the queue at once. */
const BURST = 1000;
/** Seconds within which a task of another queue is finished while one queue has no leader. */
const PASSING = 30;

const selectPassing = `
  select count(*)::int as count from celeriac.task
  where name = 'chaos.work' and created_at > $1::timestamptz + interval '6 seconds' and state = 'SUCCESS'`;

const selectUnfinished = `
  select count(*)::int as count from celeriac.task where name = 'chaos.aside' and finished_at is null`;

let peers: Peers | undefined;

/** Two of its three nodes are down. The broker answers for it, but confirms no message. Tasks of other queues go on meanwhile. */
export const leaderless: Fault = {
  name: "a queue without a leader",
  broker: false,
  cycles: 1,
  async begin({ broker, vhost }) {
    if (!broker.join) throw new Error("Cannot run because this broker has no peers: use another");
    peers = await broker.join();
    await peers.carry(vhost.vhost, QUEUE_ASIDE);
  },
  async provoke(system) {
    await peers!.kill();
    const [row] = await system.rows<{ now: Date }>("select now() as now");
    const sent = burst(system);
    await lasting(10);
    await othersPass(system, row!.now);
    await peers!.start(AbortSignal.timeout(120_000));
    await sent;
  },
  async end(system) {
    const { vhost } = system;
    await eventually("the end of all tasks of the queue", async () => {
      const [row] = await system.rows<{ count: number }>(selectUnfinished);
      return row?.count === 0;
    }, { within: 120 });
    await peers!.leave(vhost.vhost, QUEUE_ASIDE);
    peers = undefined;
  },
};

/** More than one publisher may have unconfirmed. They leave no effect. */
async function burst({ urls }: Supervisor): Promise<void> {
  const line = JSON.stringify({ name: "chaos.aside", args: [1, 0] });
  const answer = await fetch(`${urls[1]}/v1/tasks:batch`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: `${line}\n`.repeat(BURST),
  });
  await answer.body?.cancel();
}

/** Waits for tasks of other queues that were accepted later than any publish before could block them. */
async function othersPass(system: Supervisor, since: Date): Promise<void> {
  await eventually("tasks of other queues that are finished", async () => {
    const [row] = await system.rows<{ count: number }>(selectPassing, [since]);
    return (row?.count ?? 0) >= 100;
  }, { within: PASSING });
}
