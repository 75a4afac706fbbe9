/** Permissions of a child process: nothing, except what its contract declares. */
import { GRANTS, type Permissions } from "../../shared/contracts/permissions.ts";
import { TRACING_VARIABLES } from "../../shared/telemetry/tracing.ts";

/** Variables that a child inherits from the worker: Deno's cache and registries, and tracing. A handler may not read them. */
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

/** Variables with the folder for temporary files. A handler may read them: they are its own folder, or unset. */
export const TEMPORARY_VARIABLES: readonly string[] = ["TMPDIR", "TMP", "TEMP"];

/** Folders of a child. */
interface Place {
  /** The path for `.`. */
  readonly folder?: string | undefined;
  /** Folders of npm packages, which may read their own files, such as fonts and WebAssembly. */
  readonly packages?: readonly string[];
}

/** Deno flags with exactly the granted permissions.
 *
 * The app's modules need no permission, because the main module imports them by literal URLs. `--cached-only` prevents a handler from
 * sending data through the `import()` of a remote module. The worker has loaded, and thus cached, all modules that a child needs.
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

/** Whether a child needs its own folder. */
export function hasFolder({ read, write }: Permissions): boolean {
  return read.includes(".") || write.includes(".");
}

/** The complete environment of a child.
 *
 * @param env declared variables
 * @param folder folder for temporary files */
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
