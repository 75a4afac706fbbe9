/** What a child process may: nothing but compute. */

/** Deno flags of a child.
 *
 * No permission at all is given: the modules are imported by URLs written out in its main module, and
 * Deno asks no permission for those. `--cached-only` keeps a handler from carrying data out by an
 * `import()` of a remote module: the worker has loaded, and so cached, all that a child needs. */
export const CHILD_FLAGS: readonly string[] = ["--no-prompt", "--cached-only"];

/** Variables that a child is given, if the worker has them: where Deno keeps its cache. */
export const CHILD_VARIABLES: readonly string[] = [
  "DENO_DIR",
  "HOME",
  "LOCALAPPDATA",
  "USERPROFILE",
  "XDG_CACHE_HOME",
];

/** The whole environment of a child. */
export function childEnvironment(): Record<string, string> {
  const environment: Record<string, string> = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  for (const name of CHILD_VARIABLES) {
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
