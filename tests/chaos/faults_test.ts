/** The fault matrix: every fault under load, and nothing that was accepted is lost.
 *
 * `CELERIAC_CHAOS_FAULTS` chooses rows by parts of their names, with commas; `CELERIAC_CHAOS_CYCLES`
 * says how often each fault happens, `CELERIAC_CHAOS_RATE` how many tasks are submitted in a second;
 * `CELERIAC_CHAOS_SOAK=1` does each a hundred times.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type ChaosBroker, ownBroker, releasedBroker } from "./broker.ts";
import type { Fault } from "./fault.ts";
import { chosenFaults } from "./faults/all.ts";
import { report } from "./report.ts";
import type { LoadOptions } from "./load.ts";
import { type Observation, RECOVERY_LIMIT } from "./observation.ts";
import { autopsy, runFault } from "./run.ts";
import { Supervisor } from "./supervisor.ts";

const soak = Deno.env.get("CELERIAC_CHAOS_SOAK") === "1";
const command = Deno.env.get("CELERIAC_TEST_BROKER");
const releases = (Deno.env.get("CELERIAC_CHAOS_RELEASES") ?? "4.3").split(/\s+/).filter(Boolean);

/** Tasks a second. */
const RATE = Number(Deno.env.get("CELERIAC_CHAOS_RATE") ?? 150);
/** Seconds of load at least. */
const SECONDS = 10;
/** How often each fault is done in a run. */
const CYCLES = Number(Deno.env.get("CELERIAC_CHAOS_CYCLES") ?? 3);
/** A task goes through the outbox once, or twice when it is retried. More is a message that goes in circles. */
const OUTBOX_ROWS = 2;
/** On another release a run shows that the same holds there. */
const RELEASED = { seconds: 6, cycles: 1 };
const SOAK_CYCLES = 100;
/** Tasks a second of a soak that lasts for hours, on a disk that is small. */
const SOAK_RATE = 100;
/** Milliseconds that a run may take at most, and each of its cycles besides. */
const RUN_MS = 240_000;
const CYCLE_MS = 60_000;

const rows = chosenFaults(Deno.env.get("CELERIAC_CHAOS_FAULTS") ?? "");

Deno.test("no fault loses what was accepted, on this machine's RabbitMQ", async (test) => {
  const load = { seconds: SECONDS, cycles: CYCLES };
  await onBroker(test, rows, load, (folder, signal) => ownBroker(folder, signal));
});

for (const release of command ? releases : []) {
  Deno.test(`no fault of the broker loses what was accepted, on RabbitMQ ${release}`, async (test) => {
    const ofBroker = rows.filter(({ broker }) => broker);
    await onBroker(test, ofBroker, RELEASED, () => releasedBroker(command!, release));
  });
}

async function onBroker(
  test: Deno.TestContext,
  faults: readonly Fault[],
  usual: { seconds: number; cycles: number },
  open: (folder: string, signal: AbortSignal) => Promise<ChaosBroker>,
): Promise<void> {
  if (faults.length === 0) return;
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "celeriac-chaos-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755); // Postgres runs as another user when we are root
  const over = new AbortController();
  const brokerFolder = `${folder}/broker`;
  await Deno.mkdir(brokerFolder);
  const broker = stack.use(await open(brokerFolder, over.signal));
  let system: Supervisor | undefined;
  stack.defer(async () => await system?.[Symbol.asyncDispose]());
  for (const [index, fault] of faults.entries()) {
    const good = await test.step(fault.name, async () => {
      if (!system) {
        const own = `${folder}/${index}`;
        await Deno.mkdir(own);
        system = await Supervisor.start({ broker, folder: own });
      }
      const { rate = soak ? SOAK_RATE : RATE } = fault;
      const { count = rate * usual.seconds } = fault;
      const cycles = soak ? SOAK_CYCLES : Math.min(fault.cycles ?? Infinity, usual.cycles);
      await observe(system, fault, { count, rate, cycles });
    });
    if (good && !soak) continue;
    // The next fault finds a sound system; in a soak also an empty one.
    await system?.[Symbol.asyncDispose]();
    system = undefined;
  }
}

async function observe(
  system: Supervisor,
  fault: Fault,
  load: LoadOptions & { cycles: number },
): Promise<void> {
  const running = runFault(system, fault, load);
  const late = Promise.withResolvers<never>();
  const limitMs = RUN_MS + load.cycles * CYCLE_MS;
  const timer = setTimeout(() => late.reject(new Error(`No end after ${limitMs} ms`)), limitMs);
  let seen: Observation;
  try {
    seen = await Promise.race([running, late.promise]);
  } catch (error) {
    console.error(await autopsy(system));
    // Without its processes the run comes to an end.
    await system[Symbol.asyncDispose]();
    await running.catch(() => {});
    throw error;
  } finally {
    clearTimeout(timer);
  }
  await report(seen, soak ? "soak" : "chaos");
  console.log(seen);
  try {
    assert(fault.hit?.(seen) ?? true, "the fault did not hit");
    assert(seen.accepted >= load.count, `only ${seen.accepted} were accepted`);
    const { lost, failed, deadLetters, wrong, early, doubled, withoutEffect } = seen;
    const spent = fault.free ? seen.spent : 0;
    const counts = { lost, failed, deadLetters, wrong, early, doubled, withoutEffect, spent };
    assertEquals(counts, {
      lost: 0,
      failed: 0,
      deadLetters: 0,
      wrong: 0,
      early: 0,
      doubled: 0,
      withoutEffect: 0,
      spent: 0,
    });
    const { outboxRows = OUTBOX_ROWS } = fault;
    assert(seen.outboxRows <= outboxRows, `${seen.outboxRows} rows of the outbox for each task`);
    const slowest = Math.max(...seen.recoveries);
    assert(slowest <= RECOVERY_LIMIT, `recovery took ${slowest} s`);
  } catch (error) {
    console.error(await autopsy(system));
    throw error;
  }
}
