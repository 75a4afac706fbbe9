/** What a child process may: nothing but compute, and what its contract declares. */
import { GRANTS, type Permissions } from "../../shared/permissions.ts";
import { TRACING_VARIABLES } from "../../shared/tracing.ts";

/** Variables that a child is given, if the worker has them: where Deno keeps its cache, and whether it traces. A handler sees none of
 * them. */
export const CHILD_VARIABLES: readonly string[] = [
  ...TRACING_VARIABLES,
  "DENO_CERT",
  "DENO_DIR",
  "HOME",
  "LOCALAPPDATA",
  "USERPROFILE",
  "XDG_CACHE_HOME",
];

/** Deno flags of a child: exactly what is granted.
 *
 * The modules need no permission: they are imported by URLs written out in its main module, and Deno asks
 * none for those. `--cached-only` keeps a handler from carrying data out by an `import()` of a remote
 * module: the worker has loaded, and so cached, all that a child needs.
 *
 * @param folder what `.` stands for
 *
 * @example
 * ```ts
 * import { childFlags } from "./permissions.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const none = { net: [], read: [], write: [], env: [], sys: [], ffi: false };
 * assertEquals(childFlags(none), ["--no-prompt", "--cached-only"]);
 * assertEquals(childFlags({ ...none, read: ["."] }, "/tmp/a").at(-1), "--allow-read=/tmp/a");
 * ```
 */
export function childFlags(permissions: Permissions, folder?: string): string[] {
  const granted = GRANTS.flatMap((kind) => {
    const entries = permissions[kind].flatMap((entry) => entry === "." ? folder ?? [] : entry);
    return entries.length > 0 ? [`--allow-${kind}=${entries.join(",")}`] : [];
  });
  const native = permissions.ffi ? ["--allow-ffi"] : [];
  return ["--no-prompt", "--cached-only", ...granted, ...native];
}

/** Whether a child has a folder of its own. */
export function hasFolder({ read, write }: Permissions): boolean {
  return read.includes(".") || write.includes(".");
}

/** The whole environment of a child. */
export function childEnvironment({ env }: Permissions): Record<string, string> {
  const environment: Record<string, string> = { NO_COLOR: "1", DENO_NO_UPDATE_CHECK: "1" };
  for (const name of [...CHILD_VARIABLES, ...env]) {
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
