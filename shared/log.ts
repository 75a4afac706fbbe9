/** Logs: one line a record on standard error, so that standard output stays for what a command answers. */
import {
  configure,
  getLogger,
  jsonLinesFormatter,
  type LogLevel,
  type LogRecord,
} from "@logtape/logtape";

/** Sends every record of Celeriac to standard error. Called once, by the entry point. */
export async function startLog(
  options: { level: LogLevel; format: "text" | "json" },
): Promise<void> {
  const encoder = new TextEncoder();
  const format = options.format === "json" ? jsonLinesFormatter : line;
  await configure({
    reset: true,
    sinks: { stderr: (record) => void Deno.stderr.writeSync(encoder.encode(format(record))) },
    loggers: [
      { category: ["logtape"], lowestLevel: "error", sinks: ["stderr"] },
      { category: ["celeriac"], lowestLevel: options.level, sinks: ["stderr"] },
    ],
  });
}

function line(record: LogRecord): string {
  const text = record.message.map((part) => typeof part === "string" ? part : Deno.inspect(part))
    .join("");
  const time = new Date(record.timestamp).toISOString();
  return `${time} ${record.level.padEnd(7)} ${record.category.slice(1).join(".")}: ${
    text.replaceAll("\n", " | ")
  }\n`;
}

export { getLogger };
