/** A worker's pool that does nothing: prints the process ids of its children and waits.
 * @module
 */
import { ProcessPool } from "../../../workers/sandbox/pool.ts";

const pool = new ProcessPool({
  size: 2,
  contractsModule: import.meta.resolve("../../app/contracts.ts"),
  handlersModule: import.meta.resolve("../../app/handlers.ts"),
});
await pool.start();
console.log(`children ${pool.pids.join(" ")}.`);
