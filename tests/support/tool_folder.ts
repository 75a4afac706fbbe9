/** Folder of programs that tests install once per machine, with a slash at its end.
 *
 * It is outside of the checkout, because CI creates a new checkout for each run. */
export function toolFolder(): string {
  const home = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/tmp"}/.cache`;
  return `${home}/celeriac/`;
}
