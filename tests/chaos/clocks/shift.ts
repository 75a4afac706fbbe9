/** Shifts the wall clock of this process, as on a machine with a wrong clock. Monotonic time does not change.
 * @module
 */

/** Shifts `Date` and `performance.timeOrigin`.
 *
 * @param seconds positive = ahead */
export function shiftClock(seconds: number): void {
  const shiftMs = seconds * 1000;
  const trueNow = Date.now;
  const now = () => trueNow() + shiftMs;
  globalThis.Date = new Proxy(Date, {
    apply: (target) => new target(now()).toString(),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length > 0 ? args : [now()], newTarget),
    get: (target, key) => key === "now" ? now : Reflect.get(target, key),
  });
  Object.defineProperty(performance, "timeOrigin", { value: performance.timeOrigin + shiftMs });
}
