/** Shifts the clock of one started role. Only `Date` changes: `performance.now()` counts from the start of the process. */

/** The flag of `deno run` that shifts the clock of a process.
 *
 * @param seconds positive = ahead, negative = behind */
export function skewedBy(seconds: number): string {
  return preloaded(`let aheadMs = ${seconds * 1000};`);
}

/** The flag of `deno run` that makes the clock of a process step on each SIGUSR2.
 *
 * @param seconds positive = forward, negative = back */
export function steppingBy(seconds: number): string {
  return preloaded(`let aheadMs = 0;
Deno.addSignalListener("SIGUSR2", () => aheadMs += ${seconds * 1000});`);
}

function preloaded(aheadMs: string): string {
  const source = `${aheadMs}
const Real = Date;
const now = () => Real.now() + aheadMs;
globalThis.Date = class Date extends Real {
  constructor(...given) { super(...(given.length > 0 ? given : [now()])); }
  static now() { return now(); }
  static [Symbol.hasInstance](value) { return value instanceof Real; }
};`;
  return `--preload=data:application/javascript,${encodeURIComponent(source)}`;
}
