import { z } from "zod";
import { defineTask } from "../contracts/task.ts";

const format = z.enum(["png", "jpeg"]);
const side = z.int().min(1);

/** A red dot, for the reference page. */
const DOT =
  "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAI0lEQVR42mP4DwMXFBSACM5lgAshI7wSmKIQhFuCdDtwORcAvP9qhc/ZDJYAAAAASUVORK5CYII=";

/** Makes a small picture of a large one. Runs in a process: decoding a photograph takes a second of computing. */
export const imageThumbnail = defineTask({
  name: "image.thumbnail",
  summary: "Shrinks a PNG or JPEG so that it fits a square",
  input: z.object({
    image: z.base64().min(1).max(8 * 1024 * 1024).describe(
      "The PNG or JPEG in base64; at most 32 megapixels",
    ),
    max_side: z.int().min(1).max(1024).default(128)
      .describe("Pixels of the thumbnail's longer side; a smaller picture keeps its size"),
    format: format.optional()
      .describe("Default: that of the picture. What is transparent becomes black in a JPEG"),
  }),
  output: z.object({
    width: side,
    height: side,
    format,
    image: z.base64().describe("The thumbnail in base64"),
    original: z.object({
      width: side.describe("As shown: turned as its EXIF orientation says"),
      height: side,
      format,
      bytes: z.int().min(1),
    }),
  }),
  bodyLimit: 8 * 1024 * 1024,
  timeLimit: { hard: 60 },
  run: "process",
  example: { image: DOT, max_side: 4 },
});
