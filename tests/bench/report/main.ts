/** Writes the tables and the picture of docs/why/performance.md from a document of `deno task bench`.
 *
 *     deno task bench:report [FILE]...
 *
 * Without a file it reads docs/why/performance.json, else it copies the file there first. The measurements
 * of further files replace those of the first one.
 * @module
 */
import { run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";
import { readDocument, withLaterRun, writeDocument } from "../kit/document.ts";
import { MEASUREMENTS } from "../measurements/all_measurements.ts";
import { figureTables } from "./figure_tables.ts";
import { replaceGenerated } from "./page.ts";
import { drawPicture } from "./picture.ts";

const PAGE = `${checkout}docs/why/performance.md`;
const PICTURE = `${checkout}docs/why/performance.svg`;
const DOCUMENT = `${checkout}docs/why/performance.json`;

const files = Deno.args.length > 0 ? Deno.args : [DOCUMENT];
const documents = await Promise.all(files.map(readDocument));
for (const [index, { options }] of documents.entries()) {
  if (!options.smoke) continue;
  console.error(`Cannot publish ${files[index]} because its figures are those of a smoke run`);
  Deno.exit(2);
}
const document = documents.reduce(withLaterRun);
if (Deno.args.length > 0) await writeDocument(DOCUMENT, document);
await Deno.writeTextFile(PICTURE, drawPicture(document));
const picture = "![Throughput, CPU time and latency of Celeriac and its peers.](performance.svg)";
const text = `${picture}\n\n${figureTables(document, MEASUREMENTS)}`;
await Deno.writeTextFile(PAGE, replaceGenerated(await Deno.readTextFile(PAGE), text));
await run(Deno.execPath(), ["fmt", "--quiet", PAGE, DOCUMENT], { cwd: checkout });
console.log(`Wrote ${[DOCUMENT, PICTURE, PAGE].join(", ")}`);
