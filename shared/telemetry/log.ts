/** Logs go to standard error: standard output holds only what a command prints. */
import { configure, getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { jsonLine, jsonText, plainText, textLine } from "./log_format.ts";

/** Milliseconds that a record below `warning` may wait for others: writing many lines at once costs a tenth per line. */
const GATHER_MS = 20;

/** Maximum number of buffered characters. */
const GATHER_MAX = 64 * 1024;

const LEVELS = ["debug", "info", "warning", "error"] as const;

/** Writer for the lines of every task. LogTape costs ten times as much per line, so it serves everything else. */
export interface Log {
  /** Whether it writes lines of this level. Ask it before a message that is costly to make. */
  writes(level: (typeof LEVELS)[number]): boolean;
  /** Writes one line, unless its level is below the log's.
   *
   * @param logger name of the component, such as `worker`
   * @param fields for the JSON format only: `message` is complete without them */
  write(
    level: (typeof LEVELS)[number],
    logger: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}

/** Sends every record of Celeriac to standard error. The entry point calls it once.
 *
 * Records at `warning` and above are written immediately, together with buffered ones; others
 * within 20 ms, and when the process exits. */
export async function startLog(
  options: { level: (typeof LEVELS)[number]; format: "text" | "json" },
): Promise<Log> {
  const output = new LogOutput((bytes) => Deno.stderr.writeSync(bytes));
  globalThis.addEventListener("unload", () => output.flush());
  const format = options.format === "json" ? jsonLine : textLine;
  const isUrgent = (level: LogLevel) => level !== "info" && level !== "debug";
  await configure({
    reset: true,
    sinks: {
      stderr: (record: LogRecord) => output.add(format(record), isUrgent(record.level)),
    },
    loggers: [
      { category: ["logtape"], lowestLevel: "error", sinks: ["stderr"] },
      { category: ["celeriac"], lowestLevel: options.level, sinks: ["stderr"] },
    ],
  });
  const lowest = LEVELS.indexOf(options.level);
  const line = options.format === "json" ? jsonText : plainText;
  const writes: Log["writes"] = (level) => LEVELS.indexOf(level) >= lowest;
  return {
    writes,
    write(level, logger, message, fields) {
      if (!writes(level)) return;
      output.add(line(Date.now(), level, logger, message, fields), isUrgent(level));
    },
  };
}

/** Buffers lines and writes many at once. */
export class LogOutput {
  readonly #write: (bytes: Uint8Array) => number;
  readonly #encoder = new TextEncoder();
  #text = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param write writes bytes and returns how many of them it wrote */
  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
  }

  /** @param now writes it and all buffered lines before this returns */
  add(line: string, now: boolean): void {
    this.#text += line;
    if (now || this.#text.length >= GATHER_MAX) return this.flush();
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), GATHER_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Writes the buffered lines. If standard error is closed, they are lost: no other output exists. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let bytes = this.#encoder.encode(this.#text);
    this.#text = "";
    try {
      while (bytes.length > 0) bytes = bytes.subarray(this.#write(bytes));
    } catch {
      // The reader of standard error is gone. Logging must not end the process.
    }
  }
}

export { getLogger };
