/** The measured app with 10 subscriptions to its event.
 * @module
 */
import { happened, subscribe } from "./subscribed.ts";

export * from "../contracts.ts";
export { happened };
export const subscriptions = subscribe(10);
