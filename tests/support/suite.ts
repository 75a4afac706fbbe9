/** Runs a suite with `deno test` and reads its report.
 * @module
 */
import { statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { Process } from "./process.ts";
import {
  type Failure,
  failureReport,
  failures,
  reportedFiles,
  settled,
  sum,
  type Tally,
  tally,
} from "./report.ts";

/** A folder of tests and its options. */
export interface Suite {
  /** Names the report file. */
  readonly name: string;
  /** Files or folders, relative to the checkout. */
  readonly paths: readonly string[];
  /** The longest of these files, which start first: one that starts last would run alone. */
  readonly first?: readonly string[];
  /** Flags of `deno test`. */
  readonly flags: readonly string[];
  /** Number of parallel files with `--parallel`. Default 2 */
  readonly jobs?: number;
  /** Timeout in milliseconds. Default 20 minutes */
  readonly timeLimitMs?: number;
  /** Selects the tests of the second attempt. Default: {@linkcode wholeFiles}. */
  readonly secondTry?: (failed: readonly Failure[]) => SecondTry | undefined;
}

/** The second attempt: files, additional flags and variables. */
export interface SecondTry {
  readonly flags: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** Options of a run. */
export interface SuiteOptions {
  environment: Readonly<Record<string, string>>;
  /** Flags from the command line, passed on. */
  flags: readonly string[];
  /** Folder for the JUnit reports. */
  reports: string;
  /** When the output is printed: `afterwards` does not mix it with that of another suite. Default `immediately` */
  output?: "immediately" | "afterwards" | "never";
  signal: AbortSignal;
}

/** Lock file of the program's and the tests' packages, relative to the checkout. */
const LOCK = "tests/deno.lock";

/** If more files fail, they are broken rather than flaky. */
const maxFilesAgain = 3;

/** Repeats all tests of up to three files. */
function wholeFiles(failed: readonly Failure[]): SecondTry | undefined {
  const files = new Set(failed.map(({ file }) => file));
  return files.size > maxFilesAgain ? undefined : { flags: [], environment: {} };
}

/** Runs a suite.
 *
 * A file that crashed before its tests ran, or a suite without a report, counts as failed. Up to
 * three files with failed tests run a second time. Tests that pass then count as
 * passed, and the report lists them as flaky.
 *
 * @throws if the signal aborts; the suite and all its children are killed then */
export async function runSuite(suite: Suite, options: SuiteOptions): Promise<Tally> {
  const { flags, reports } = options;
  options.signal.throwIfAborted();
  const { report, again } = await clearReports(reports, suite.name);
  const { success, code } = await runTests(suite, report, options);
  const xml = await read(report);
  const counted = tally(xml);
  if (success) return counted;
  const silent = await silentFiles(suite, xml, flags);
  if (silent.length === 0 && counted.failed > 0) {
    const failed = failures(xml);
    const { secondTry = wholeFiles } = suite;
    const narrowed = suite.flags.includes("--doc") ? undefined : secondTry(failed);
    if (!narrowed) return counted;
    const paths = await filesRegistering(suite, [...new Set(failed.map(({ file }) => file))]);
    const what = [...paths, ...Object.values(narrowed.environment)].join(" ");
    console.log(`\n== ${suite.name}, second attempt: ${what}`);
    const serial = suite.flags.filter((flag) => flag !== "--parallel");
    await runTests({ ...suite, paths, flags: [...serial, ...narrowed.flags] }, again, {
      ...options,
      environment: { ...options.environment, ...narrowed.environment },
    });
    return settled(xml, await read(again)).tally;
  }
  const missing = silent.length > 0 ? silent : [`deno test ended with ${code}`];
  return sum([counted, await reportDeath(reports, suite.name, missing)]);
}

/** Writes a report with one failure for a suite that could not run. */
export async function failSuite(name: string, reports: string, reason: unknown): Promise<Tally> {
  await clearReports(reports, name);
  const message = reason instanceof Error ? reason.message : String(reason);
  return await reportDeath(reports, name, [`${name} did not run`], message);
}

async function clearReports(folder: string, suite: string) {
  const report = `${folder}/${suite}.xml`;
  const again = `${folder}/${suite}.again.xml`;
  await Deno.mkdir(folder, { recursive: true });
  await removeFiles([report, again, `${folder}/${suite}-died.xml`]);
  return { report, again };
}

/** Writes a report for tests without one. */
async function reportDeath(
  folder: string,
  suite: string,
  tests: readonly string[],
  message?: string,
): Promise<Tally> {
  const xml = failureReport(suite, tests, message);
  await Deno.writeTextFile(`${folder}/${suite}-died.xml`, xml);
  return tally(xml);
}

/** Runs files. `deno task check` checks their types, except those of examples, which are checked here. */
async function runTests(
  { paths, first = [], flags, jobs = 2, timeLimitMs = 20 * 60_000 }: Suite,
  report: string,
  { environment, flags: added, output = "immediately", signal }: SuiteOptions,
): Promise<Deno.CommandStatus> {
  const process = Process.start(
    Deno.execPath(),
    [
      "test",
      ...flags,
      `--lock=${LOCK}`,
      ...(flags.includes("--doc") ? [] : ["--no-check"]),
      ...added,
      `--junit-path=${report}`,
      ...first.filter((file) => paths.some((path) => liesIn(file, path))),
      ...paths,
    ],
    {
      env: { DENO_JOBS: `${jobs}`, ...environment },
      inherit: output === "immediately",
      ownGroup: true,
    },
  );
  const end = () => process.killGroup("SIGKILL");
  const timer = setTimeout(end, timeLimitMs);
  signal.addEventListener("abort", end);
  const status = await process.status;
  clearTimeout(timer);
  signal.removeEventListener("abort", end);
  end(); // processes that a failed test left running
  if (output === "afterwards") console.log(process.output);
  signal.throwIfAborted();
  return status;
}

/** The report of a suite and that of its second attempt; empty if absent. */
export async function readReport(reports: string, suite: string): Promise<string> {
  return await read(`${reports}/${suite}.xml`) + await read(`${reports}/${suite}.again.xml`);
}

function read(file: string): Promise<string> {
  return Deno.readTextFile(file).catch(() => "");
}

/** Test files that are missing in the report; empty with a filter, which may have excluded all of their tests. */
async function silentFiles(
  suite: Suite,
  xml: string,
  flags: readonly string[],
): Promise<string[]> {
  if (flags.length > 0 || suite.flags.includes("--doc")) return [];
  const told = new Set(reportedFiles(xml).map((file) => resolve(file)));
  const files = (await Promise.all(suite.paths.map(testFiles))).flat();
  return files.filter((file) => ![file, ...importsOf(file)].some((one) => told.has(resolve(one))));
}

/** Test files that register these tests: themselves, or files that import the registering module. */
async function filesRegistering(suite: Suite, reported: readonly string[]): Promise<string[]> {
  const told = new Set(reported.map((file) => resolve(file)));
  const files = (await Promise.all(suite.paths.map(testFiles))).flat();
  return files.filter((file) => [file, ...importsOf(file)].some((one) => told.has(resolve(one))));
}

/** Relative imports of a file: tests that such a module registers are reported under its name. */
function importsOf(file: string): string[] {
  const info = statSync(file, { throwIfNoEntry: false });
  const text = info ? Deno.readTextFileSync(file) : ""; // a missing file reports nothing
  return [...text.matchAll(/from "(\.[^"]+)"/g)].map(([, path]) => join(dirname(file), path ?? ""));
}

/** Whether a path is a folder or file, or lies in it. */
export function liesIn(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}

async function testFiles(path: string): Promise<string[]> {
  const info = await Deno.stat(path).catch(() => undefined);
  if (!info) return [path];
  if (!info.isDirectory) return [path];
  const files: string[] = [];
  for await (const entry of Deno.readDir(path)) {
    const inside = `${path}/${entry.name}`;
    if (entry.isDirectory) files.push(...await testFiles(inside));
    else if (entry.name.endsWith("_test.ts")) files.push(inside);
  }
  return files;
}

async function removeFiles(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    await Deno.remove(path).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
