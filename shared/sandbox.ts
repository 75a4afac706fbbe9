/** What a handler in a child process may do and use, as its contract declares it. */
import { ConfigurationError } from "./errors.ts";

/** Access that can be granted. Programs (`run`) and native libraries (`ffi`) cannot: what they do, no permission binds. */
export const GRANTS = ["net", "read", "write", "env", "sys"] as const;

/** What is allowed, by kind; nothing else is.
 *
 * - `net`: `host` or `host:port`, exactly as the handler names them;
 * - `read`, `write`: absolute paths, or `.` for a folder of the child's own, which is its working directory and goes with it;
 * - `env`: names of variables, which the child gets from the worker if it has them;
 * - `sys`: what `Deno` can tell of the machine, such as `hostname`. */
export type Permissions = Readonly<Record<typeof GRANTS[number], readonly string[]>>;

/** What a contract declares. */
export interface SandboxDefinition {
  /** Default: none. */
  readonly permissions?: Partial<Permissions>;
  /** MiB of JavaScript heap. Default: the worker's setting. */
  readonly memoryMb?: number;
  /** MiB of resident memory, buffers included; watched, where the platform tells it. Default: the heap and 256. */
  readonly residentMb?: number;
  /** Seconds of processor time that one attempt may use, where the platform tells it. Default: no limit. */
  readonly cpu?: number;
  /** MiB that one attempt may write: result, progress, log and standard error together. Default 64. */
  readonly outputMb?: number;
  /** Tasks after which the child is replaced; 1 gives each a process of its own. Default: the worker's setting. */
  readonly maxTasks?: number;
  /** Niceness, 1 to 19: the higher, the more it gives way. Default 0. */
  readonly nice?: number;
}

/** The same, checked and complete as far as a contract can be. */
export interface SandboxLimits extends Omit<SandboxDefinition, "permissions"> {
  /** What is allowed; nothing else is. */
  readonly permissions: Permissions;
  /** MiB that one attempt may write. */
  readonly outputMb: number;
  /** Niceness, 0 to 19. */
  readonly nice: number;
}

/** Room for any body that the API takes, and its result. */
const DEFAULT_OUTPUT_MB = 64;

const LIMITS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  memoryMb: [16, 65_536],
  residentMb: [64, 65_536],
  cpu: [0.01, 86_400],
  outputMb: [0.001, DEFAULT_OUTPUT_MB],
  maxTasks: [1, 1_000_000],
  nice: [0, 19],
};

/** A destination as Deno's `--allow-net` takes it: a host, or a host and a port. */
export const DESTINATION = /^(?:[\w.-]+|\[[\da-fA-F:]+\])(?::\d{1,5})?$/;

const ENTRIES: Readonly<Record<keyof Permissions, readonly [RegExp, string]>> = {
  net: [DESTINATION, "a host or host:port"],
  read: [/^(?:\.|\/[^,]+)$/, "an absolute path, or '.' for a folder of its own"],
  write: [/^(?:\.|\/[^,]+)$/, "an absolute path, or '.' for a folder of its own"],
  env: [/^[A-Za-z_]\w*$/, "the name of one variable"],
  sys: [/^[A-Za-z]+$/, "a name as of --allow-sys"],
};

/** Checks what a contract declares.
 *
 * @param task its name, for the message
 * @throws {ConfigurationError} when a permission or limit cannot work
 *
 * @example
 * ```ts
 * import { sandboxLimits } from "./sandbox.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const { permissions } = sandboxLimits("fetch", { permissions: { net: ["api.example.com:443"] } });
 * assertEquals(permissions, { net: ["api.example.com:443"], read: [], write: [], env: [], sys: [] });
 * assertThrows(() => sandboxLimits("fetch", { permissions: { net: ["*"] } }));
 * ```
 */
export function sandboxLimits(task: string, definition: SandboxDefinition = {}): SandboxLimits {
  const { permissions = {}, outputMb = DEFAULT_OUTPUT_MB, nice = 0, ...rest } = definition;
  for (const kind of Object.keys(permissions)) {
    if ((GRANTS as readonly string[]).includes(kind)) continue;
    throw refusal(task, `permission '${kind}' cannot be granted: choose from ${GRANTS.join(", ")}`);
  }
  for (const [name, value] of Object.entries({ ...rest, outputMb, nice })) {
    const [least, most] = LIMITS[name] ?? [NaN, NaN];
    if (value >= least && value <= most) continue;
    throw refusal(
      task,
      LIMITS[name]
        ? `${name} ${value} is not from ${least} to ${most}`
        : `there is no limit '${name}': choose from ${Object.keys(LIMITS).join(", ")}`,
    );
  }
  const granted = GRANTS.map((kind) => [kind, checked(task, kind, permissions[kind] ?? [])]);
  return Object.freeze({
    ...rest,
    outputMb,
    nice,
    permissions: Object.freeze(Object.fromEntries(granted)) as Permissions,
  });
}

/** Each once and in order, so that equal sets look alike. */
function checked(
  task: string,
  kind: keyof Permissions,
  entries: readonly string[],
): readonly string[] {
  const [pattern, what] = ENTRIES[kind];
  for (const entry of entries) {
    if (typeof entry === "string" && pattern.test(entry)) continue;
    throw refusal(task, `${kind} permission '${entry}' is not ${what}`);
  }
  return Object.freeze([...new Set(entries)].sort());
}

function refusal(task: string, reason: string): ConfigurationError {
  return new ConfigurationError(`Cannot define task '${task}' as its sandbox's ${reason}`);
}
