/** The test runner of `deno task test`: finds or starts the servers, runs the suites and summarizes their reports.
 *
 *     deno run -A tests/run.ts SUITE... [FILE...] [--broker RELEASE]... [--soak] [FLAGS OF deno test]
 *
 * With `CELERIAC_TEST_BROKER`, a command that starts other releases of RabbitMQ, the tests that
 * depend on the broker run again on each release of `--broker`, or of
 * `CELERIAC_TEST_BROKER_RELEASES` (default "4.0 4.3"). By default those of whole pipelines run on 4.3
 * only, as the end-to-end tests run on 4.0, and so do those with real Celery: 4.3 is the first that
 * refuses what older Celery declares.
 * @module
 */
import { failedChecks } from "./browser/second_try.ts";
import { chaosReleases, OWN } from "./chaos/releases.ts";
import { failedFaults } from "./chaos/second_try.ts";
import { celeryTable } from "./support/celery_table.ts";
import { prepareCluster } from "./support/cluster.ts";
import { prepareServers } from "./support/test_servers.ts";
import { writeDuration } from "./support/durations.ts";
import { NoServer } from "./support/server.ts";
import { startRelease } from "./support/releases.ts";
import { isGood, lineOf, sum, type Tally } from "./support/report.ts";
import {
  failSuite,
  liesIn,
  readReport,
  runSuite,
  type Suite,
  type SuiteOptions,
} from "./support/suite.ts";

interface ServedSuite extends Suite {
  readonly needsServers: boolean;
  readonly needsCluster?: true;
  /** Parts of the suite and their variables. They run at the same time in processes of their own, because they mostly wait. */
  readonly parts?: () => readonly Part[];
}

interface Part {
  readonly name: string;
  readonly environment: Readonly<Record<string, string>>;
}

const suites: readonly ServedSuite[] = [
  { name: "unit", paths: ["tests/unit"], flags: ["-A", "--parallel"], needsServers: false },
  {
    name: "examples",
    paths: ["shared", "api", "beat", "workers", "tests/support"],
    flags: ["--doc", "--parallel"], // no permissions: examples are pure
    needsServers: false,
  },
  {
    name: "integration",
    paths: ["tests/integration"],
    first: [
      "tests/integration/pipeline/poison_test.ts",
      "tests/integration/pipeline/consumer_timeout_test.ts",
      "tests/integration/documentation/newcomer_test.ts",
      "tests/integration/documentation/servers_test.ts",
      "tests/integration/pipeline/duplicates_test.ts",
      "tests/integration/pipeline/reload_test.ts",
      "tests/integration/workers/worker_test.ts",
    ],
    flags: ["-A", "--parallel"],
    jobs: 3, // one file uses about half a core
    needsServers: true,
  },
  // one pipeline and one browser for all files
  {
    name: "browser",
    paths: ["tests/browser"],
    flags: ["-A"],
    needsServers: true,
    secondTry: failedChecks,
  },
  {
    name: "interop",
    paths: ["tests/interop"],
    flags: ["-A", "--parallel"],
    needsServers: true,
  },
  // third-party programs, downloaded by the first run
  { name: "audit", paths: ["tests/audit"], flags: ["-A", "--parallel"], needsServers: true },
  // starts its own servers, because faults are injected into them
  {
    name: "chaos",
    paths: ["tests/chaos"],
    flags: ["-A"],
    needsServers: false,
    timeLimitMs: 40 * 60_000,
    secondTry: failedFaults,
    parts: () =>
      chaosReleases().map((release) => ({
        name: release === OWN ? "chaos" : `chaos-rabbitmq-${release}`,
        environment: { CELERIAC_CHAOS_RELEASES: release },
      })),
  },
  { name: "e2e", paths: ["tests/e2e"], flags: ["-A"], needsServers: false, needsCluster: true },
];

/** Folder for the reports. */
const REPORTS = "report";

/** Makes the fault matrix inject each fault a hundred times. */
const SOAK = { CELERIAC_CHAOS_SOAK: "1" };
const SOAK_LIMIT_MS = 24 * 3600_000;

/** Tests that run again on other releases of the broker. */
interface Again {
  readonly suite: string;
  readonly paths: readonly string[];
  /** Releases to use by default. Default: all. */
  readonly release?: string;
}

const again: readonly Again[] = [
  {
    suite: "integration",
    paths: [
      "tests/integration/broker/confirm_bound_test.ts",
      "tests/integration/broker/conformance_test.ts",
      "tests/integration/broker/headers_test.ts",
      "tests/integration/broker/reasons_test.ts",
      "tests/integration/broker/reconnect_test.ts",
      "tests/integration/broker/rights_test.ts",
      "tests/integration/cli/rabbitmq",
      "tests/integration/events/forwarder_test.ts",
      "tests/integration/events/journey_test.ts",
    ],
  },
  {
    suite: "integration",
    // the broker implements redelivery, requeueing, dead-lettering and permissions
    paths: [
      "tests/integration/events/large_events_test.ts",
      "tests/integration/events/redrive_test.ts",
      "tests/integration/events/replay_test.ts",
      "tests/integration/pipeline/crash_test.ts",
      "tests/integration/pipeline/stalled_consumer_test.ts",
      "tests/integration/pipeline/drain_test.ts",
      "tests/integration/pipeline/first_start_test.ts",
      "tests/integration/pipeline/garbage_test.ts",
      "tests/integration/pipeline/handmade_test.ts",
      "tests/integration/pipeline/late_servers_test.ts",
      "tests/integration/pipeline/least_privilege_test.ts",
      "tests/integration/pipeline/lost_connection_test.ts",
      "tests/integration/pipeline/poison_test.ts",
      "tests/integration/pipeline/zombie_test.ts",
    ],
    release: "4.3",
  },
  {
    suite: "interop",
    paths: [
      "tests/interop/beat/django_test.ts",
      "tests/interop/canvas",
      "tests/interop/celery",
      "tests/interop/control",
      "tests/interop/django/malformed_test.ts",
      "tests/interop/django/ours_test.ts",
      "tests/interop/django/sends_test.ts",
      "tests/interop/events",
      "tests/interop/flower",
      "tests/interop/queues",
    ],
    release: "4.3",
  },
];

interface Order {
  readonly suites: readonly ServedSuite[];
  readonly releases: readonly string[];
  readonly flags: readonly string[];
  /** Inject each fault a hundred times. */
  readonly soak: boolean;
}

function parse(args: readonly string[]): Order {
  const names: string[] = [];
  const files: string[] = [];
  const flags: string[] = [];
  const releases: string[] = [];
  let soak = false;
  for (let index = 0; index < args.length; index++) {
    const argument = args[index] ?? "";
    if (suites.some((suite) => suite.name === argument)) names.push(argument);
    else if (argument === "--soak") soak = true;
    else if (argument === "--broker") releases.push(args[++index] ?? "");
    else if (argument.startsWith("tests/")) files.push(argument.replace(/\/+$/, ""));
    else flags.push(argument);
  }
  const chosen = suites
    .filter((suite) => names.includes(suite.name))
    .map((suite) => files.length === 0 ? suite : { ...suite, paths: within(suite, files) })
    .filter((suite) => suite.paths.length > 0);
  return { suites: chosen, releases, flags, soak };
}

function within(suite: Pick<Suite, "paths">, files: readonly string[]): string[] {
  return files.filter((file) => suite.paths.some((path) => liesIn(file, path)));
}

/** The part of a selection that depends on the broker. */
function suitesAgain(order: Order, release: string): Suite[] {
  return order.suites.flatMap(({ name, paths, ...rest }) => {
    const chosen = again
      .filter(({ suite }) => suite === name)
      .filter((one) => order.releases.length > 0 || !one.release || one.release === release)
      .flatMap((one) => one.paths);
    const inside = chosen.filter((path) => paths.some((asked) => liesIn(path, asked)));
    const some = [...new Set([...inside, ...within({ paths: chosen }, paths)])];
    return some.length === 0 ? [] : [{ ...rest, name: `${name}-rabbitmq-${release}`, paths: some }];
  });
}

/** @returns the combined result and the names of the suites that ran */
async function runOrder(
  order: Order,
  signal: AbortSignal,
): Promise<{ total: Tally; ran: readonly string[] }> {
  const tallies: Tally[] = [];
  const ran: string[] = [];
  const options = { flags: order.flags, reports: REPORTS, signal };
  const runOne = async (
    suite: Suite,
    environment: Readonly<Record<string, string>>,
    output: SuiteOptions["output"] = "immediately",
  ) => {
    console.log(`\n== ${suite.name}`);
    const all = { ...options, environment, output };
    const tally = await timed(suite.name, () => runSuite(suite, all));
    tallies.push(tally);
    ran.push(suite.name);
  };
  for (const suite of order.suites.filter((one) => !one.needsServers)) {
    if (suite.needsCluster) {
      const cluster = await timed("cluster", () => prepareCluster(console.log, signal));
      console.log(cluster.description);
      try {
        await runOne(suite, cluster.environment);
      } finally {
        await cluster.stop();
      }
    } else if (order.soak) {
      await runOne({ ...suite, timeLimitMs: SOAK_LIMIT_MS, secondTry: () => undefined }, SOAK);
    } else if (suite.parts) {
      const parts = suite.parts();
      await Promise.all(parts.map(({ name, environment }, index) => {
        const output = index === 0 ? "immediately" : "afterwards";
        return runOne({ ...suite, name }, environment, output);
      }));
    } else await runOne(suite, {});
  }
  const served = order.suites.filter((one) => one.needsServers);
  if (served.length === 0) return { total: sum(tallies), ran };
  await using fixture = await prepareServers(console.log, signal);
  for (const suite of served) await runOne(suite, fixture.environment);
  const command = Deno.env.get("CELERIAC_TEST_BROKER");
  if (!command) return { total: sum(tallies), ran };
  for (const release of releasesOf(order)) {
    const suites = suitesAgain(order, release);
    if (suites.length === 0) continue;
    let broker;
    try {
      broker = await startRelease(command, release, { signal });
    } catch (error) {
      signal.throwIfAborted();
      console.error(`\nCannot test on RabbitMQ ${release}:`, error);
      for (const { name } of suites) tallies.push(await failSuite(name, REPORTS, error));
      continue;
    }
    console.log(`\n${broker.description}`);
    try {
      for (const suite of suites) {
        await runOne(suite, { ...fixture.environment, ...broker.environment });
      }
    } finally {
      await broker.stop();
    }
  }
  return { total: sum(tallies), ran };
}

/** Executes a part of the run and records its duration. */
async function timed<Value>(name: string, work: () => Promise<Value>): Promise<Value> {
  const began = performance.now();
  try {
    return await work();
  } finally {
    await writeDuration(REPORTS, name, (performance.now() - began) / 1000);
  }
}

async function celeryRows(ran: readonly string[]): Promise<string> {
  const reports = ran.map(async (suite) => [suite, await readReport(REPORTS, suite)] as const);
  return celeryTable(
    await Deno.readTextFile("docs/reference/celery.md"),
    new Map(await Promise.all(reports)),
  );
}

function releasesOf(order: Order): readonly string[] {
  if (order.releases.length > 0) return order.releases;
  const releases = Deno.env.get("CELERIAC_TEST_BROKER_RELEASES") ?? "4.0 4.3";
  return releases.split(/\s+/).filter(Boolean);
}

async function main(): Promise<number> {
  Deno.chdir(new URL("..", import.meta.url));
  const order = parse(Deno.args);
  if (order.releases.length > 0 && !Deno.env.get("CELERIAC_TEST_BROKER")) {
    console.error("Cannot start another broker because CELERIAC_TEST_BROKER is not set");
    return 2;
  }
  const stopped = new AbortController();
  const interrupt = () => stopped.abort(new DOMException("Interrupted", "AbortError"));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.addSignalListener(signal, interrupt);
  }
  try {
    const { total, ran } = await runOrder(order, stopped.signal);
    if (ran.includes("interop")) console.log(`\n${await celeryRows(ran)}`);
    console.log(`\n${lineOf(total)}`);
    return isGood(total) ? 0 : 1;
  } catch (error) {
    if (error instanceof NoServer) {
      console.error(error.message);
      return 2;
    }
    console.error(stopped.signal.aborted ? "Interrupted" : error);
    return stopped.signal.aborted ? 130 : 1;
  }
}

Deno.exit(await main());
