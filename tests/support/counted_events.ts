/** Reads the counters of events from the metrics of a process.
 * @module
 */

/** Number of events of all types with this outcome.
 *
 * @param health URL of the process without a path */
export async function countedEvents(health: string, outcome: string): Promise<number> {
  const text = await (await fetch(`${health}/metrics`)).text();
  const series = text.matchAll(new RegExp(`^celeriac_events_${outcome}_total{.*} (\\d+)$`, "gm"));
  return Array.from(series, ([, value]) => Number(value)).reduce((sum, one) => sum + one, 0);
}
