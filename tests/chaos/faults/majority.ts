/** A queue loses its majority.
 * @module
 */
import { eventually } from "../../support/eventually.ts";
import { type Fault, lasting } from "../fault.ts";
import type { AddedNodes } from "../added_nodes.ts";
import { QUEUE_ASIDE, type Supervisor } from "../supervisor.ts";

/** Tasks submitted to the queue at the same time. */
const BURST = 1000;
/** Timeout in seconds for a task of another queue while one queue has no leader. */
const PASSING = 30;

const selectPassing = `
  select count(*)::int as count from celeriac.task
  where name = 'chaos.work' and created_at > $1::timestamptz + interval '6 seconds' and state = 'SUCCESS'`;

const selectUnfinished = `
  select count(*)::int as count from celeriac.task where name = 'chaos.aside' and finished_at is null`;

let added: AddedNodes | undefined;

/** Two of the queue's three nodes are down. The broker accepts publishes but confirms none. Tasks of other queues continue. */
export const leaderless: Fault = {
  name: "a queue without a leader",
  broker: false,
  cycles: 1,
  async begin({ broker, vhost }) {
    if (!broker.join) {
      throw new Error("Cannot run because this broker cannot add nodes: use another");
    }
    added = await broker.join();
    await added.carry(vhost.vhost, QUEUE_ASIDE);
  },
  async provoke(system) {
    await added!.kill();
    const [row] = await system.rows<{ now: Date }>("select now() as now");
    const sent = burst(system);
    await lasting(10);
    await othersPass(system, row!.now);
    await added!.start(AbortSignal.timeout(120_000));
    await sent;
  },
  async end(system) {
    const { vhost } = system;
    await eventually("the end of all tasks of the queue", async () => {
      const [row] = await system.rows<{ count: number }>(selectUnfinished);
      return row?.count === 0;
    }, { within: 120 });
    await added!.leave(vhost.vhost, QUEUE_ASIDE);
    added = undefined;
  },
};

/** Submits more tasks than one publisher may have unconfirmed. They have no effect. */
async function burst({ urls }: Supervisor): Promise<void> {
  const line = JSON.stringify({ name: "chaos.aside", args: [1, 0] });
  const answer = await fetch(`${urls[1]}/v1/tasks:batch`, {
    method: "POST",
    headers: { "content-type": "application/x-ndjson" },
    body: `${line}\n`.repeat(BURST),
  });
  await answer.body?.cancel();
}

/** Waits for tasks of other queues that were accepted after every publish that could block them. */
async function othersPass(system: Supervisor, since: Date): Promise<void> {
  await eventually("tasks of other queues that are finished", async () => {
    const [row] = await system.rows<{ count: number }>(selectPassing, [since]);
    return (row?.count ?? 0) >= 100;
  }, { within: PASSING });
}
