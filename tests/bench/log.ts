/** Measures the log of a worker: microseconds for the two lines of a task, compared with LogTape.
 *
 *     deno run -A tests/bench/log.ts
 *
 * The lines go to standard error, as a worker's do; the figures to standard output. Each figure is the median of five alternating
 * rounds.
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { TaskEvent } from "../../shared/telemetry/events.ts";
import { type Log, startLog } from "../../shared/telemetry/log.ts";
import { logTaskEvents } from "../../workers/task_event_log.ts";

const TASKS = 50_000;
const ROUNDS = 5;

const id = crypto.randomUUID();
const name = "orders.confirm";

const EVENTS: readonly TaskEvent[] = [
  {
    type: "task-received",
    id,
    name,
    queue: "celeriac.default",
    args: null,
    kwargs: null,
    rootId: id,
    parentId: null,
    retries: 0,
    eta: null,
    expires: null,
    redelivered: false,
  },
  { type: "task-succeeded", id, name, result: '{"receipt": 7}', runtime: 0.0123 },
];

const logger = getLogger(["celeriac", "worker"]);

const byLogTape: Log = {
  writes: () => true,
  write: (_level, _logger, message, fields) => logger.info("{message}", { ...fields, message }),
};

async function round(level: "info" | "warning", format: "text" | "json", logTape: boolean) {
  const log = await startLog({ level, format });
  const listener = logTaskEvents(logTape ? byLogTape : log);
  const began = performance.now();
  for (let task = 0; task < TASKS; task++) for (const event of EVENTS) listener(event);
  return (performance.now() - began) / TASKS * 1000;
}

const variants = [
  ["off (warning)", "warning", "text", false],
  ["text", "info", "text", false],
  ["json", "info", "json", false],
  ["text by LogTape", "info", "text", true],
  ["json by LogTape", "info", "json", true],
] as const;

const figures = new Map<string, number[]>();
for (let count = 0; count <= ROUNDS; count++) {
  for (const [what, level, format, logTape] of variants) {
    const figure = await round(level, format, logTape);
    if (count > 0) figures.set(what, [...figures.get(what) ?? [], figure]); // the first round warms up
  }
}
for (const [what, all] of figures) {
  const sorted = all.toSorted((one, other) => one - other);
  const [least, median, most] = [sorted[0], sorted[sorted.length >> 1], sorted.at(-1)];
  console.log(
    `${what.padEnd(16)} ${median?.toFixed(2)} us a task (${least?.toFixed(2)} to ${
      most?.toFixed(2)
    })`,
  );
}
