/** A worker that answers remote control. */
import { CONTROL_EXCHANGE, decodeControl, encodeReply } from "../../../shared/celery/control.ts";
import { queueInfo } from "../../../shared/celery/inspection.ts";
import type { Fixture } from "./fixture.ts";

/** What a worker replies to each command. */
const REPLIES: Readonly<Record<string, unknown>> = {
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

/** Answers remote control like a worker. */
export function startWorker({ broker }: Fixture, nodeName: string, replies = REPLIES) {
  return broker.listen(CONTROL_EXCHANGE, async (message) => {
    const request = decodeControl(message);
    const reply = encodeReply(request, { nodeName, value: replies[request.method], clock: 1 });
    if (reply) await broker.publish(reply, { mandatory: false });
  }, { keys: [""] });
}
