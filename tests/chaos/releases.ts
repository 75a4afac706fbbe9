/** Selects the brokers of the fault matrix.
 * @module
 */

/** Names the installed broker among releases. */
export const OWN = "own";

/** Reads `CELERIAC_CHAOS_RELEASES`; without `CELERIAC_TEST_BROKER` only the installed broker remains. */
export function chaosReleases(env: Pick<Deno.Env, "get"> = Deno.env): string[] {
  const releases = (env.get("CELERIAC_CHAOS_RELEASES") ?? `${OWN} 4.3`).split(/\s+/).filter(
    Boolean,
  );
  return env.get("CELERIAC_TEST_BROKER") ? releases : releases.filter((one) => one === OWN);
}
