/** The interface of every long-lived component.
 *
 * Constructors only assign; {@linkcode Service.start} does the work. `start` is idempotent. `stop` may be
 * called twice, or before `start`, and resolves when nothing runs any more.
 */
export interface Service extends AsyncDisposable {
  start(): Promise<void>;
  stop(): Promise<void>;
}
