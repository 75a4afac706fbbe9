/** What a child process may: nothing but compute, and what its contract declares. */
import { GRANTS, type Permissions } from "../../shared/contracts/permissions.ts";
import { TRACING_VARIABLES } from "../../shared/telemetry/tracing.ts";

/** Variables that a child is given, if the worker has them: where Deno keeps its cache and finds packages, and whether it traces. A
 * handler sees none of them. */
export const CHILD_VARIABLES: readonly string[] = [
  ...TRACING_VARIABLES,
  "DENO_CERT",
  "DENO_DIR",
  "HOME",
  "JSR_URL",
  "LOCALAPPDATA",
  "NPM_CONFIG_REGISTRY",
  "USERPROFILE",
  "XDG_CACHE_HOME",
];

/** Variables that name the folder for temporary files. A handler may read them: they name its own folder, or nothing. */
export const TEMPORARY_VARIABLES: readonly string[] = ["TMPDIR", "TMP", "TEMP"];

/** Where a child is. */
interface Place {
  /** What `.` stands for. */
  readonly folder?: string | undefined;
  /** Folders of npm packages, which may read their own files: fonts, WebAssembly. */
  readonly packages?: readonly string[];
}

/** Deno flags of a child: exactly what is granted.
 *
 * The modules need no permission: they are imported by URLs written out in its main module, and Deno asks
 * none for those. `--cached-only` keeps a handler from carrying data out by an `import()` of a remote
 * module: the worker has loaded, and so cached, all that a child needs.
 *
 * @example
 * ```ts
 * import { childFlags } from "./permissions.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const none = { net: [], read: [], write: [], env: [], sys: [], ffi: false };
 * assertEquals(childFlags(none), ["--no-prompt", "--cached-only", "--allow-env=TMPDIR,TMP,TEMP"]);
 * const flags = childFlags({ ...none, read: ["."] }, { folder: "/tmp/a", packages: ["/npm/b"] });
 * assertEquals(flags[2], "--allow-read=/tmp/a,/npm/b");
 * ```
 */
export function childFlags(
  permissions: Permissions,
  { folder, packages = [] }: Place = {},
): string[] {
  const always: Partial<Permissions> = { read: packages, env: TEMPORARY_VARIABLES };
  const granted = GRANTS.flatMap((kind) => {
    const declared = permissions[kind].flatMap((entry) => entry === "." ? folder ?? [] : entry);
    const entries = [...declared, ...always[kind] ?? []];
    return entries.length > 0 ? [`--allow-${kind}=${entries.join(",")}`] : [];
  });
  const native = permissions.ffi ? ["--allow-ffi"] : [];
  return ["--no-prompt", "--cached-only", ...granted, ...native];
}

/** Whether a child has a folder of its own. */
export function hasFolder({ read, write }: Permissions): boolean {
  return read.includes(".") || write.includes(".");
}

/** The whole environment of a child.
 *
 * @param env names of variables that are declared
 * @param folder where it makes temporary files */
export function childEnvironment(
  env: readonly string[] = [],
  folder?: string,
): Record<string, string> {
  const environment: Record<string, string> = {
    NO_COLOR: "1",
    DENO_NO_UPDATE_CHECK: "1",
    ...(folder !== undefined && { TMPDIR: folder }),
  };
  for (const name of [...CHILD_VARIABLES, ...env]) {
    const value = Deno.env.get(name);
    if (value !== undefined) environment[name] = value;
  }
  return environment;
}
