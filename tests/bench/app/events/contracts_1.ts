/** The measured app with 1 subscription to its event.
 * @module
 */
import { happened, subscribe } from "./subscribed.ts";

export * from "../contracts.ts";
export { happened };
export const subscriptions = subscribe(1);
