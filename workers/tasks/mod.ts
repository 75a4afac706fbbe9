/** The handlers of the sample app: what `--handlers` means unless it is given.
 *
 * @module
 */
export { addHandler } from "./add.ts";
export { csvSummaryHandler } from "./csv_summary.ts";
export { imageThumbnailHandler } from "./image_thumbnail.ts";
export { textStatisticsHandler } from "./text_statistics.ts";
export { totalHandler } from "./total.ts";
