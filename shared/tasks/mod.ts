/** The contracts of the sample app: what `--contracts` means unless it is given.
 *
 * @module
 */
export { add } from "./add.ts";
export { csvSummary } from "./csv_summary.ts";
export { imageThumbnail } from "./image_thumbnail.ts";
export { publishedStatistics, textPublished } from "./text_published.ts";
export { textStatistics } from "./text_statistics.ts";
export { total } from "./total.ts";
