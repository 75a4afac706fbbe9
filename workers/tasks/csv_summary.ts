import type { z } from "zod";
import { csvSummary } from "../../shared/tasks/csv_summary.ts";
import { handle } from "../handlers.ts";
import { readCsv, UnreadableCsv } from "./csv_records.ts";

type Summary = z.input<NonNullable<typeof csvSummary.output>>;
type Column = Summary["columns"][number];

/** Columns of a file: more is rather a wrong delimiter. */
const MAX_COLUMNS = 1024;

/** What pandas, too, takes for "no value". */
const MISSING: ReadonlySet<string> = new Set(["", "na", "n/a", "nan", "null", "none"]);

const INTEGER = /^[+-]?(0|[1-9]\d*)$/;
const NUMBER = /^[+-]?(0|[1-9]\d*)?(\.\d*)?(e[+-]?\d+)?$/i;
const BOOLEAN = /^(true|false)$/i;
const DATE = /^(\d{4}-\d{2}-\d{2})([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** What a column may be, the narrowest first. */
const TYPES: readonly [Column["type"], (value: string) => boolean][] = [
  ["integer", (value) => INTEGER.test(value)],
  ["number", (value) => NUMBER.test(value) && Number.isFinite(Number(value))],
  ["boolean", (value) => BOOLEAN.test(value)],
  ["date", isDate],
];

/** Summarises a CSV file. */
export const csvSummaryHandler = handle(csvSummary, ({ csv, delimiter, header }): Summary => {
  const records = readCsv(csv, delimiter);
  const width = records[0]?.length ?? 0;
  const ragged = records.filter((record) => record.length !== width).length;
  const names = header ? records.shift() ?? [] : [];
  const widest = records.reduce((most, record) => Math.max(most, record.length), names.length);
  if (widest > MAX_COLUMNS) {
    throw new UnreadableCsv(
      `Cannot summarise the CSV because it has ${widest} columns and ${MAX_COLUMNS} are allowed: check the delimiter`,
    );
  }
  const columns = Array.from({ length: widest }, (): string[] => []);
  for (const record of records) {
    for (const [index, field] of record.entries()) {
      const value = field.trim();
      if (!MISSING.has(value.toLowerCase())) columns[index]?.push(value);
    }
  }
  return {
    rows: records.length,
    ragged_rows: ragged,
    columns: columns.map((values, index) => ({
      name: names[index]?.trim() || `column_${index + 1}`,
      missing: records.length - values.length,
      ...describe(values),
    })),
  };
});

function describe(values: readonly string[]): Pick<Column, "type" | "min" | "max" | "mean"> {
  if (values.length === 0) return { type: "empty" };
  const type = TYPES.find(([, fits]) => values.every(fits))?.[0] ?? "text";
  return type === "integer" || type === "number"
    ? { type, ...range(values.map(Number)) }
    : { type };
}

/** Also refuses days that a month does not have. */
function isDate(value: string): boolean {
  const day = DATE.exec(value)?.[1];
  if (day === undefined) return false;
  const time = new Date(`${day}T00:00:00Z`);
  return !Number.isNaN(time.getTime()) && time.toISOString().startsWith(day);
}

function range(numbers: readonly number[]): { min: number; max: number; mean: number } {
  const count = numbers.length;
  const sum = Math.sumPrecise(numbers);
  return {
    min: numbers.reduce((least, number) => Math.min(least, number)),
    max: numbers.reduce((most, number) => Math.max(most, number)),
    mean: Number.isFinite(sum)
      ? sum / count
      : Math.sumPrecise(numbers.map((number) => number / count)), // the sum alone is too large for a number
  };
}
