/** What a handler may access, as its contract declares it. */
import { ConfigurationError } from "../errors.ts";
import { refuseUnknownKeys } from "./known_keys.ts";

/** Access that is granted entry by entry. */
export const GRANTS = ["net", "read", "write", "env", "sys"] as const;

/** What a contract declares. Nothing else is allowed.
 *
 * An inline handler runs in the worker, which needs the permission itself: `cli.ts permissions worker` prints it. */
export interface PermissionsDefinition {
  /** Destinations: `host` or `host:port`, as the handler names them; `*.example.com` for the subdomains. */
  readonly net?: readonly string[];
  /** Absolute paths; `.` is the own folder of a child process: its working directory, empty before each task. */
  readonly read?: readonly string[];
  /** As `read`. */
  readonly write?: readonly string[];
  /** Names of environment variables. A child process gets them from its worker. */
  readonly env?: readonly string[];
  /** What `Deno` reports of the machine, such as `hostname`. */
  readonly sys?: readonly string[];
  /** Native libraries, only with `run: "process"`. No other permission confines what they do. */
  readonly ffi?: boolean;
}

/** The same, checked and complete. */
export type Permissions = Readonly<Required<PermissionsDefinition>>;

const HOST = String.raw`(?:\*\.)?[\w-]+(?:\.[\w-]+)*\.?`;

/** A destination as Deno's `--allow-net` takes it: a host, or a host and a port. */
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

/** Checks what a contract declares.
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

/** Each once and in order, so that equal sets look alike. */
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
