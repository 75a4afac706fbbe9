import { assertEquals } from "@std/assert";
import type { ChaosBroker } from "../../chaos/broker.ts";
import { Installation } from "../../chaos/installation.ts";
import type { Supervisor } from "../../chaos/supervisor.ts";

/** Openers of parts that record their starts and stops. A stop of the first system fails, as without its broker. */
function recorded(log: string[]) {
  const part = (name: string, fails = false) => {
    log.push(`start ${name}`);
    return {
      [Symbol.asyncDispose]() {
        log.push(`stop ${name}`);
        return fails ? Promise.reject(new Error("refused")) : Promise.resolve();
      },
    };
  };
  let [brokers, systems] = [0, 0];
  return {
    openBroker: () => Promise.resolve(part(`broker ${++brokers}`) as unknown as ChaosBroker),
    openSystem: () => {
      systems++;
      return Promise.resolve(part(`system ${systems}`, systems === 1) as unknown as Supervisor);
    },
  };
}

Deno.test("a fault gets a new broker and system after a failed one, and the same after a good one", async () => {
  const folder = await Deno.makeTempDir();
  const log: string[] = [];
  try {
    await using installation = new Installation(folder, recorded(log));
    await installation.system();
    await installation.system();
    const errors = await installation.discard();
    assertEquals(errors.map(String), ["Error: refused"]);
    await installation.system();
    await installation.stopSystem();
    await installation.system();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assertEquals(log, [
    ...["start broker 1", "start system 1", "stop system 1", "stop broker 1"],
    ...["start broker 2", "start system 2", "stop system 2"],
    ...["start system 3", "stop system 3", "stop broker 2"],
  ]);
});
