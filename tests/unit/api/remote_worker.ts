/** A worker that answers remote control. */
import {
  CONTROL_EXCHANGE,
  decodeControl,
  encodeReply,
  isAddressedTo,
} from "../../../shared/celery/control.ts";
import { queueInfo } from "../../../shared/celery/inspection.ts";
import type { Fixture } from "./fixture.ts";

/** What a worker replies to each command. A real one does not reply to `shutdown`; `null` saves the tests a second. */
const REPLIES: Readonly<Record<string, unknown>> = {
  ping: { ok: "pong" },
  shutdown: null,
  pool_grow: { ok: "pool will grow" },
  pool_shrink: { ok: "pool will shrink" },
  stats: {
    pid: 7,
    uptime: 90,
    prefetch_count: 16,
    total: { add: 3, "text.shout": 4 },
    pool: { "max-concurrency": 8 },
  },
  registered: ["add", "text.shout [rate_limit=10/m]"],
  active_queues: [queueInfo("celeriac.text", "celeriac"), queueInfo("celery", "")],
  active: [
    { id: "a", name: "add", time_start: 1_700_000_000, delivery_info: { routing_key: "q" } },
    { id: "b", name: "text.shout", time_start: 1e300, delivery_info: { routing_key: "q" } },
  ],
};

/** Answers remote control like a worker.
 *
 * @param received gets the name and the arguments of each command */
export function startWorker(
  { broker }: Fixture,
  nodeName: string,
  replies = REPLIES,
  received: [method: string, given: Record<string, unknown>][] = [],
) {
  return broker.listen(CONTROL_EXCHANGE, async (message) => {
    const request = decodeControl(message);
    if (!isAddressedTo(request, nodeName)) return;
    received.push([request.method, request.arguments]);
    const reply = encodeReply(request, { nodeName, value: replies[request.method], clock: 1 });
    if (reply) await broker.publish(reply, { mandatory: false });
  }, { keys: [""] });
}
