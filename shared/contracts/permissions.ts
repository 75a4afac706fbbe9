/** The permissions of a handler, as its contract declares them. */
import { ConfigurationError } from "../errors.ts";
import { refuseUnknownKeys } from "./known_keys.ts";

/** Kinds of access that are granted per entry. */
export const GRANTS = ["net", "read", "write", "env", "sys"] as const;

/** The permissions that a contract declares. Everything else is denied.
 *
 * An inline handler runs in the worker, which needs the permission itself: `cli.ts permissions worker` prints it. */
export interface PermissionsDefinition {
  /** Destinations: `host` or `host:port`, as the handler writes them; `*.example.com` for the subdomains. */
  readonly net?: readonly string[];
  /** Absolute paths; `.` is the child process' folder: its working directory, emptied before each task. */
  readonly read?: readonly string[];
  /** Paths, as for `read`. */
  readonly write?: readonly string[];
  /** Names of environment variables. A child process gets them from its worker. */
  readonly env?: readonly string[];
  /** System information by Deno's names, such as `hostname`. */
  readonly sys?: readonly string[];
  /** Native libraries, only with `run: "process"`. No other permission restricts them. */
  readonly ffi?: boolean;
}

/** Validated permissions with all keys. */
export type Permissions = Readonly<Required<PermissionsDefinition>>;

const HOST = String.raw`(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?`;

/** A destination as Deno's `--allow-net` accepts it: a host, or a host and a port. */
const DESTINATION = new RegExp(String.raw`^(?:${HOST}|\[[\da-fA-F:]+\])(?::\d{1,5})?$`);

const PATH = [
  /^(?:\.|\/[^,]+)$/,
  "an absolute path without a comma, or '.' for a child process' own folder: " +
  "write a path beside the module as import.meta.dirname + '/templates'",
] as const;

const ENTRIES: Readonly<Record<typeof GRANTS[number], readonly [RegExp, string]>> = {
  net: [DESTINATION, "a host or host:port: leave scheme and path out, and name each host"],
  read: PATH,
  write: PATH,
  env: [/^[A-Za-z_]\w*$/, "the name of one variable: name each"],
  sys: [/^[A-Za-z]+$/, "a name of --allow-sys: see deno run --help"],
};

const MAX_PORT = 65_535;

/** Validates the permissions of a contract.
 *
 * @param task its name, for the message
 * @param inline whether its handler runs in the worker itself
 * @throws {ConfigurationError} when a permission cannot be granted
 *
 * @example
 * ```ts
 * import { checkedPermissions } from "./permissions.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const { net, env } = checkedPermissions("fetch", { net: ["api.example.com:443"] }, true);
 * assertEquals([net, env], [["api.example.com:443"], []]);
 * assertThrows(() => checkedPermissions("fetch", { net: ["*"] }, true));
 * ```
 */
export function checkedPermissions(
  task: string,
  definition: PermissionsDefinition,
  inline: boolean,
): Permissions {
  refuseUnknownKeys(definition, [...GRANTS, "ffi"], {
    doing: `define task '${task}'`,
    within: "permissions",
    synonyms: { network: "net", files: "read", run: "ffi" },
  });
  const { ffi = false } = definition;
  if (typeof ffi !== "boolean") throw refusal(task, "ffi is all or nothing: write ffi: true");
  if (inline && ffi) {
    throw refusal(
      task,
      'native code can end its whole process, and the task runs inline: add run: "process"',
    );
  }
  const granted = GRANTS.map((kind) => [kind, checked(task, kind, definition[kind] ?? [], inline)]);
  return Object.freeze({ ...Object.fromEntries(granted), ffi }) as Permissions;
}

/** Sorted and without duplicates, so that equal sets compare equal. */
function checked(
  task: string,
  kind: typeof GRANTS[number],
  entries: readonly string[],
  inline: boolean,
): readonly string[] {
  const [pattern, what] = ENTRIES[kind];
  if (!Array.isArray(entries)) {
    throw refusal(task, `${kind} is not a list: write ${kind}: ["${entries}"]`);
  }
  for (const entry of entries) {
    const port = kind === "net" ? Number(/:(\d+)$/.exec(entry)?.[1] ?? 1) : 1;
    if (typeof entry !== "string" || !pattern.test(entry) || port > MAX_PORT) {
      throw refusal(task, `${kind} entry '${entry}' is not ${what}`);
    }
    if (inline && entry === ".") {
      throw refusal(
        task,
        `${kind} entry '.' is a child process' own folder, and the task runs inline: name an absolute path, or add run: "process"`,
      );
    }
  }
  return Object.freeze([...new Set(entries)].sort());
}

function refusal(task: string, reason: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot define task '${task}' with these permissions because ${reason}`,
  );
}
