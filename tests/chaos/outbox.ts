/** Waits for outbox rows.
 * @module
 */
import { eventually } from "../support/eventually.ts";
import type { Supervisor } from "./supervisor.ts";

const selectWaiting = "select count(*)::int as count from celeriac.outbox";
const LOOK_MS = 200;

/** Waits until the outbox has `count` messages. */
export async function waitingInOutbox(system: Supervisor, count: number): Promise<void> {
  await eventually(`${count} messages in the outbox`, async () => {
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    const [row] = await system.rows<{ count: number }>(selectWaiting);
    return (row?.count ?? 0) >= count;
  }, { within: 120 });
}
