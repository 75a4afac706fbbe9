/** Shifts the clock of a started role, and of no other process. */

/** The flag of `deno run` that makes a process see another time: `Date` alone, as `performance.now()` counts from its start.
 *
 * @param seconds ahead; negative: behind */
export function skewedBy(seconds: number): string {
  const source = `const Real = Date;
const now = () => Real.now() + ${seconds * 1000};
globalThis.Date = class Date extends Real {
  constructor(...given) { super(...(given.length > 0 ? given : [now()])); }
  static now() { return now(); }
  static [Symbol.hasInstance](value) { return value instanceof Real; }
};`;
  return `--preload=data:application/javascript,${encodeURIComponent(source)}`;
}
