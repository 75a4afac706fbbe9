/** The handlers of the sample app: what `--handlers` means unless it is given.
 *
 * @module
 */
export { addHandler } from "./add.ts";
