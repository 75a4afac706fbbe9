/** Draws a snapshot as lines of text. */
import { styleText } from "node:util";
import { cut, printable, table } from "../terminal/display.ts";
import { NO_RATE, type Part, type Snapshot, type WorkerLoad } from "./snapshot.ts";

/** Options of {@linkcode render}. */
export interface RenderOptions {
  readonly now: Date;
  /** Columns of the terminal. Default: no limit. */
  readonly columns?: number;
  /** Lines of the terminal. Default: no limit. */
  readonly rows?: number;
  /** Whether to use bold text and colors. Default `false`. */
  readonly color?: boolean;
  /** Whether keys work, so that the title names them. Default `false`. */
  readonly keys?: boolean;
}

type Style = Parameters<typeof styleText>[0];

/** A line, and how it is emphasized. */
interface Line {
  readonly text: string;
  readonly style?: Style;
}

/** Seconds after which a value is shown with its age. */
const STALE_SECONDS = 15;

/** Draws the view. No line is longer than `columns`, and there are at most `rows`.
 *
 * @example
 * ```ts
 * import { render } from "./render.ts";
 * import { UNREAD } from "./snapshot.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const now = new Date("2030-01-02T03:04:05Z");
 * const queues = {
 *   value: [{ name: "images", ready: 3, consumers: 1, problem: null }],
 *   at: now,
 *   error: null,
 * };
 * const snapshot = { url: "http://127.0.0.1:8000", queues, workers: UNREAD, rates: UNREAD };
 * const lines = render(snapshot, { now });
 * assertEquals(lines[3], "QUEUE   READY  CONSUMERS  TASKS/S  FAILURES/S  RETRIES/S");
 * assertEquals(lines[4], "images      3          1        -           -          -");
 * ```
 */
export function render(snapshot: Snapshot, options: RenderOptions): string[] {
  const { now, columns = Infinity, rows = Infinity, color = false, keys = false } = options;
  const head = header(snapshot, now, keys);
  const queues = queueLines(snapshot, now);
  const workers = workerLines(snapshot, now);
  // Between the parts is an empty line each.
  const free = Math.max(0, rows - head.length - 2);
  const ofQueues = Math.min(queues.length, Math.max(Math.floor(free / 2), free - workers.length));
  const lines = [
    ...head,
    { text: "" },
    ...shortened(queues, ofQueues, "queues"),
    { text: "" },
    ...shortened(workers, free - ofQueues, "lines"),
  ];
  return lines.slice(0, rows).map(({ text, style }) => {
    const shown = cut(text, columns);
    return color && style ? styleText(style, shown, { validateStream: false }) : shown;
  });
}

function header({ url, queues, workers, rates }: Snapshot, now: Date, keys: boolean): Line[] {
  const running = workers.value?.reduce((sum, { running }) => sum + running.length, 0);
  const slots = workers.value?.reduce((sum, { concurrency }) => sum + (concurrency ?? 0), 0);
  const ready = queues.value?.reduce((sum, queue) => sum + (queue.ready ?? 0), 0);
  const { tasks, failures } = rates.value?.total ?? {};
  const share = tasks && failures ? ` (${(failures / tasks * 100).toFixed(1)} %)` : "";
  const title = `celeriac top  ${printable(url)}  ${clock(now)}${keys ? "  q: quit" : ""}`;
  const totals = [
    `tasks/s ${decimal(tasks)}`,
    `failures/s ${decimal(failures)}${share}`,
    `ready ${whole(ready)}`,
    `workers ${whole(workers.value?.length)}`,
    `running ${whole(running)} of ${whole(slots)}`,
  ].join("   ");
  return [{ text: title, style: "bold" }, { text: totals, ...failures && { style: "red" } }];
}

function queueLines({ queues, rates }: Snapshot, now: Date): Line[] {
  // Rates are columns of queues. An API that is away is the problem of both.
  const isOther = rates.error !== null && rates.error.message !== queues.error?.message;
  const problems = [...problemLines(queues, now), ...isOther ? problemLines(rates, now) : []];
  const all = [...queues.value ?? []].sort((one, other) =>
    (other.ready ?? -1) - (one.ready ?? -1) || (one.name < other.name ? -1 : 1)
  );
  const [heads, ...rows] = table(
    ["QUEUE", ">READY", ">CONSUMERS", ">TASKS/S", ">FAILURES/S", ">RETRIES/S", ""],
    all.map(({ name, ready, consumers, problem }) => {
      const rate = rates.value ? rates.value.queues.get(name) ?? NO_RATE : undefined;
      return [
        printable(name),
        whole(ready),
        whole(consumers),
        decimal(rate?.tasks),
        decimal(rate?.failures),
        decimal(rate?.retries),
        printable(problem ?? ""),
      ];
    }),
  );
  return [
    { text: heads!, style: "inverse" },
    ...problems,
    ...rows.map((text, place): Line => {
      const { ready, consumers, problem } = all[place]!;
      const isIdle = problem !== null || (consumers === 0 && ready! > 0);
      return { text, ...isIdle && { style: "yellow" } };
    }),
    ...queues.value?.length === 0 ? [{ text: "no queues" }] : [],
  ];
}

function workerLines({ workers }: Snapshot, now: Date): Line[] {
  const all = [...workers.value ?? []].sort((one, other) =>
    other.running.length - one.running.length || (one.name < other.name ? -1 : 1)
  );
  const [heads, ...rows] = table(
    ["WORKER", ">RUNNING", ">RECEIVED", ">UPTIME", "QUEUES"],
    all.map((worker) => [
      printable(worker.name),
      `${worker.running.length}/${worker.concurrency ?? "?"}`,
      whole(worker.received),
      duration(worker.uptime),
      printable(worker.queues.join(" ")),
    ]),
  );
  return [
    { text: heads!, style: "inverse" },
    ...problemLines(workers, now),
    ...rows.flatMap((text, place) => [{ text }, ...taskLines(all[place]!, now)]),
    ...workers.value?.length === 0 ? [{ text: "no worker replies", style: "yellow" as const }] : [],
  ];
}

/** The running tasks of a worker, oldest first. */
function taskLines({ running }: WorkerLoad, now: Date): Line[] {
  const start = (time: string | null) => time === null ? Infinity : Date.parse(time);
  const tasks = [...running].sort((one, other) => start(one.started_at) - start(other.started_at));
  const rows = tasks.map(({ name, started_at, id }) => [
    printable(name),
    started_at === null ? "-" : duration(Math.max(0, (+now - Date.parse(started_at)) / 1000)),
    printable(id),
  ]);
  return table(["", ">", ""], rows).slice(1).map((text) => ({ text: `  ${text}` }));
}

function problemLines({ value, at, error }: Part<unknown>, now: Date): Line[] {
  if (error === null) return value === null ? [{ text: "not read yet" }] : [];
  const seconds = at === null ? 0 : (+now - +at) / 1000;
  const age = value !== null && seconds > STALE_SECONDS
    ? ` (the values are ${duration(seconds)} old)`
    : "";
  return [{ text: `${printable(error.message)}${age}`, style: "red" }];
}

/** The first lines; a last line counts the others. */
function shortened(lines: readonly Line[], most: number, what: string): Line[] {
  if (lines.length <= most) return [...lines];
  const shown = Math.max(0, most - 1);
  return [
    ...lines.slice(0, shown),
    ...most > 0 ? [{ text: `… ${lines.length - shown} more ${what}` }] : [],
  ];
}

const NUMBERS = new Intl.NumberFormat("en-US");

function whole(number: number | null | undefined): string {
  return number === null || number === undefined ? "-" : NUMBERS.format(number);
}

function decimal(number: number | undefined): string {
  return number === undefined ? "-" : number.toFixed(1);
}

/** The largest unit that fits. */
function duration(seconds: number | null): string {
  if (seconds === null) return "-";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const units = [[86_400, "d"], [3600, "h"], [60, "min"]] as const;
  const [length, name] = units.find(([length]) => seconds >= 2 * length) ?? [1, "s"];
  return `${Math.floor(seconds / length)} ${name}`;
}

function clock(now: Date): string {
  return `${now.toISOString().slice(11, 19)} UTC`;
}
