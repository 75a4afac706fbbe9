/** A pool of children that stay alive: prints their process ids, then waits.
 * @module
 */
import { ChildModules } from "../../../workers/sandbox/child_modules.ts";
import { Pools } from "../../../workers/sandbox/pools.ts";
import { block, sleepProcess } from "../../app/contracts.ts";

const pools = new Pools({
  size: 2,
  contracts: [],
  modules: new ChildModules(import.meta.resolve("../../app/handlers.ts")),
  warm: [sleepProcess],
});
await pools.start();
const started = Promise.withResolvers<void>();
const task = { id: "a", attempt: 1, deliveries: 1, timeLimit: {} };
// One of them is busy for ever, and hears nothing of its worker's end.
void pools.run(sleepProcess, { ...task, name: sleepProcess.name, input: { seconds: 0 } }, {
  onLog: () => started.resolve(),
});
await started.promise;
void pools.run(block, { ...task, name: block.name, input: {} });
await new Promise((resolve) => setTimeout(resolve, 500));
console.log(`children ${Array.from(pools.children(), ({ pid }) => pid).join(" ")}.`);
