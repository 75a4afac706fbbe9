/** Logs go to standard error, so that standard output stays for what a command prints. */
import { configure, getLogger, type LogLevel, type LogRecord } from "@logtape/logtape";
import { jsonLine, jsonText, plainText, textLine } from "./log_format.ts";

/** Milliseconds that a record below `warning` waits for company: one write for many lines costs a tenth of one write each. */
const GATHER_MS = 20;

/** Characters that wait at most. */
const GATHER_MAX = 64 * 1024;

const LEVELS = ["debug", "info", "warning", "error"] as const;

/** Where the lines that every task causes are written. LogTape costs ten times as much a line: it is for the rest. */
export interface Log {
  /** Writes one line, unless its level is below the log's.
   *
   * @param logger name of what writes it, as `worker`
   * @param fields for the JSON format only: `message` says it all */
  write(
    level: (typeof LEVELS)[number],
    logger: string,
    message: string,
    fields: Readonly<Record<string, unknown>>,
  ): void;
}

/** Sends every record of Celeriac to standard error. Called once, by the entry point.
 *
 * Records at `warning` and above are written at once, together with what came before them; others
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
  return {
    write(level, logger, message, fields) {
      if (LEVELS.indexOf(level) < lowest) return;
      output.add(line(Date.now(), level, logger, message, fields), isUrgent(level));
    },
  };
}

/** Gathers lines and writes many at once. */
export class LogOutput {
  readonly #write: (bytes: Uint8Array) => number;
  readonly #encoder = new TextEncoder();
  #text = "";
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param write takes bytes and returns how many of them it took */
  constructor(write: (bytes: Uint8Array) => number) {
    this.#write = write;
  }

  /** @param now writes it, and what waits, before this returns */
  add(line: string, now: boolean): void {
    this.#text += line;
    if (now || this.#text.length >= GATHER_MAX) return this.flush();
    if (this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.flush(), GATHER_MS);
    Deno.unrefTimer(this.#timer);
  }

  /** Writes what waits. Lines are lost where standard error is closed: there is no place to say so. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    let bytes = this.#encoder.encode(this.#text);
    this.#text = "";
    try {
      while (bytes.length > 0) bytes = bytes.subarray(this.#write(bytes));
    } catch {
      // The reader of standard error is gone: a log must not end the process.
    }
  }
}

export { getLogger };
