import { z } from "zod";
import { defineTask } from "../contracts/task.ts";

const count = z.int().min(0);

/** Says what is in a CSV file. Runs in a process: reading 1 MiB takes a quarter of a second of computing. */
export const csvSummary = defineTask({
  name: "csv.summary",
  summary: "Summarises a CSV file: rows, and type, range, mean and missing values of each column",
  input: z.object({
    csv: z.string().max(1024 * 1024).describe(
      "The file's text, as RFC 4180 has it; a byte order mark may lead it",
    ),
    delimiter: z.string().regex(
      /^[^"\r\n]$/,
      "must be one character that is no quote and no line end",
    )
      .default(",").describe("What parts the fields"),
    header: z.boolean().default(true).describe("Whether the first row names the columns"),
  }),
  output: z.object({
    rows: count.describe("Rows without the header; blank lines do not count"),
    ragged_rows: count.describe(
      "Rows that have more or fewer fields than the first row of the file",
    ),
    columns: z.array(z.object({
      name: z.string().describe("From the header, else `column_1`, `column_2`, ..."),
      type: z.enum(["integer", "number", "boolean", "date", "text", "empty"])
        .describe(
          "What all present values are. Dates are ISO 8601; numbers with leading zeros are text",
        ),
      missing: count.describe("Fields that are absent, blank, or NA, N/A, NaN, null or None"),
      min: z.number().optional().describe("Of integer and number columns"),
      max: z.number().optional(),
      mean: z.number().optional(),
    })),
  }),
  timeLimit: { hard: 30 },
  run: "process",
  example: { csv: "city,founded,area\nBerlin,1237,891.7\nRome,,1285\n" },
});
