/** Sets the clock of a started role, and of no other process. `Date` alone: `performance.now()` counts from its start. */

/** The flag of `deno run` with which a process reads another time.
 *
 * @param seconds ahead; negative: behind */
export function skewedBy(seconds: number): string {
  return preloaded(`let aheadMs = ${seconds * 1000};`);
}

/** The flag of `deno run` with which the clock of a process steps each time it receives SIGUSR2.
 *
 * @param seconds forward; negative: back */
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
