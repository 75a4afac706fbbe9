/** What every long-lived part of the house can do.
 *
 * A constructor only assigns; {@linkcode Service.start} acts. `start` is idempotent. `stop` may be
 * called twice, or before `start`, and returns only when everything is at rest.
 */
export interface Service extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
