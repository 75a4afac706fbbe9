/** The fault matrix: injects every fault under load and checks that no accepted task is lost.
 *
 * `CELERIAC_CHAOS_FAULTS` selects rows by comma-separated parts of their names; `CELERIAC_CHAOS_CYCLES`
 * sets the number of injections, `CELERIAC_CHAOS_RATE` the submitted tasks per second;
 * `CELERIAC_CHAOS_SOAK=1` injects each fault a hundred times.
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { type ChaosBroker, ownBroker } from "./broker.ts";
import type { Fault } from "./fault.ts";
import { chosenFaults } from "./faults/all.ts";
import { Installation } from "./installation.ts";
import { report } from "./report.ts";
import type { LoadOptions } from "./load.ts";
import { type Observation, RECOVERY_LIMIT } from "./observation.ts";
import { releasedBroker } from "./released_broker.ts";
import { chaosReleases, OWN } from "./releases.ts";
import { diagnose, runFault } from "./run.ts";
import { Supervisor } from "./supervisor.ts";

const soak = Deno.env.get("CELERIAC_CHAOS_SOAK") === "1";
const command = Deno.env.get("CELERIAC_TEST_BROKER");

/** Tasks per second. */
const RATE = Number(Deno.env.get("CELERIAC_CHAOS_RATE") ?? 150);
/** Minimum seconds of load. */
const SECONDS = 6;
/** Injections of each fault in a run. */
const CYCLES = Number(Deno.env.get("CELERIAC_CHAOS_CYCLES") ?? 3);
/** A task passes through the outbox once, or twice if it is retried. A higher number means a loop. */
const OUTBOX_ROWS = 2;
/** Injections on another release, which only confirm the result, and their tasks per second beside the faults of the installed one. */
const RELEASED = { cycles: 1, rate: Math.min(RATE, 60) };
const SOAK_CYCLES = 100;
/** Tasks per second of a soak, which lasts for hours on a small disk. */
const SOAK_RATE = 100;
/** Timeouts in milliseconds: of a run, and in addition of each cycle. */
const RUN_MS = 240_000;
const CYCLE_MS = 60_000;

const rows = chosenFaults(Deno.env.get("CELERIAC_CHAOS_FAULTS") ?? "");

for (const release of chaosReleases()) {
  if (release === OWN) {
    Deno.test("no fault loses what was accepted, on this machine's RabbitMQ", async (test) => {
      await onBroker(test, rows, { cycles: CYCLES, rate: RATE }, ownBroker);
    });
  } else {
    Deno.test(`no fault of the broker loses what was accepted, on RabbitMQ ${release}`, async (test) => {
      const ofBroker = rows.filter(({ broker }) => broker);
      await onBroker(test, ofBroker, RELEASED, () => releasedBroker(command!, release));
    });
  }
}

async function onBroker(
  test: Deno.TestContext,
  faults: readonly Fault[],
  usual: { cycles: number; rate: number },
  openBroker: (folder: string) => Promise<ChaosBroker>,
): Promise<void> {
  if (faults.length === 0) return;
  await using stack = new AsyncDisposableStack();
  const folder = await Deno.makeTempDir({ prefix: "celeriac-chaos-" });
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  await Deno.chmod(folder, 0o755); // as root, Postgres runs as another user
  const installation = stack.use(
    new Installation(folder, { openBroker, openSystem: (site) => Supervisor.start(site) }),
  );
  for (const fault of faults) {
    const good = await test.step(fault.name, async () => {
      const { rate = soak ? SOAK_RATE : usual.rate } = fault;
      const { count = rate * SECONDS } = fault;
      const cycles = soak ? SOAK_CYCLES : Math.min(fault.cycles ?? Infinity, usual.cycles);
      await observe(await installation.system(), fault, { count, rate, cycles });
    });
    // the next fault starts with a healthy system; in a soak also with an empty one
    if (!good) await installation.discard();
    else if (soak) await installation.stopSystem();
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
  const timer = setTimeout(
    () => late.reject(new Error(`The run did not finish within ${limitMs} ms`)),
    limitMs,
  );
  let seen: Observation;
  try {
    seen = await Promise.race([running, late.promise]);
  } catch (error) {
    console.error(await diagnose(system));
    // without its processes the run ends; if the broker is down, the system cannot delete its vhost
    await system[Symbol.asyncDispose]().catch((reason) => console.error("While stopping:", reason));
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
    console.error(await diagnose(system));
    throw error;
  }
}
