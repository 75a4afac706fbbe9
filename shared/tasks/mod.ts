/** The contracts of the sample app: what `--contracts` means unless it is given.
 *
 * @module
 */
export { add } from "./add.ts";
