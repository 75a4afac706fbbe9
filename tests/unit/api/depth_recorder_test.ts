import { assertEquals } from "@std/assert";
import { DepthRecorder } from "../../../api/depth_recorder.ts";
import type { BrokerStatus } from "../../../shared/broker/broker.ts";

function recorder(state: BrokerStatus["state"]) {
  const added: [string, number][][] = [];
  const measured: string[] = [];
  const recorder = new DepthRecorder({
    broker: {
      status: { state },
      measure(queue) {
        measured.push(queue);
        if (queue === "silent") return Promise.reject(new Error("no reply"));
        return Promise.resolve(queue === "gone" ? undefined : { ready: 7, consumers: 0 });
      },
    },
    store: {
      recentQueues: () => Promise.resolve(["gone", "known", "silent"]),
      add: (ready) => Promise.resolve(void added.push([...ready])),
    },
    queues: ["celeriac.default", "known"],
  });
  return { recorder, added, measured };
}

Deno.test("DepthRecorder counts each queue once, without those that are gone or do not answer", async () => {
  const { recorder: it, added, measured } = recorder("connected");
  assertEquals(await it.record(), true);
  assertEquals(measured, ["celeriac.default", "known", "gone", "silent"]);
  assertEquals(added, [[["celeriac.default", 7], ["known", 7]]]);
});

Deno.test("DepthRecorder records nothing without a connection", async () => {
  const { recorder: it, added, measured } = recorder("connecting");
  assertEquals(await it.record(), false);
  assertEquals([added, measured], [[], []]);
});
