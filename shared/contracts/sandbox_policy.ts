/** Resource limits of a child process, as a contract declares them. */
import { ConfigurationError } from "../errors.ts";
import { refuseUnknownKeys } from "./known_keys.ts";

/** The limits that a contract declares. */
export interface SandboxDefinition {
  /** MiB of JavaScript heap. Default: the worker's setting. */
  readonly memoryMb?: number;
  /** MiB of resident memory, including buffers; enforced on platforms that report it. Default: the heap plus 256. */
  readonly residentMb?: number;
  /** CPU seconds per attempt; enforced on platforms that report them. Default: no limit. */
  readonly cpu?: number;
  /** MiB of output per attempt: result, progress, log and standard error together. Default 64. */
  readonly outputMb?: number;
  /** MiB of disk for its folder. Default: the worker's setting. */
  readonly folderMb?: number;
  /** Maximum number of files, folders and links in its folder, at any depth. Default 10,000. */
  readonly folderFiles?: number;
  /** Number of tasks after which the child is replaced; 1 starts a new process for each. Default: the worker's setting. */
  readonly maxTasks?: number;
  /** Niceness, 1 to 19: higher values yield more CPU to others. Default 0. */
  readonly nice?: number;
}

/** Validated limits; absent ones come from the worker's settings. */
export interface SandboxLimits extends SandboxDefinition {
  /** MiB of output per attempt. */
  readonly outputMb: number;
  /** Niceness, 0 to 19. */
  readonly nice: number;
}

/** Enough for any body that the API accepts, and its result. */
const DEFAULT_OUTPUT_MB = 64;

const LIMITS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  memoryMb: [16, 65_536],
  residentMb: [64, 65_536],
  cpu: [0.01, 86_400],
  outputMb: [0.001, DEFAULT_OUTPUT_MB],
  folderMb: [0.001, 1_048_576],
  folderFiles: [1, 1_000_000],
  maxTasks: [1, 1_000_000],
  nice: [0, 19],
};

/** Validates the limits of a contract.
 *
 * @param task its name, for the message
 * @throws {ConfigurationError} when a limit is invalid
 *
 * @example
 * ```ts
 * import { sandboxLimits } from "./sandbox_policy.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(sandboxLimits("render", { cpu: 10 }), { cpu: 10, outputMb: 64, nice: 0 });
 * assertThrows(() => sandboxLimits("render", { memoryMb: 1 }));
 * ```
 */
export function sandboxLimits(task: string, definition: SandboxDefinition = {}): SandboxLimits {
  const { outputMb = DEFAULT_OUTPUT_MB, nice = 0, ...rest } = definition;
  refuseUnknownKeys(definition, Object.keys(LIMITS), {
    doing: `define task '${task}'`,
    within: "sandbox",
    synonyms: { memory: "memoryMb", permissions: "the task's own permissions" },
  });
  for (const [name, value] of Object.entries({ ...rest, outputMb, nice })) {
    const [least, most] = LIMITS[name]!;
    if (value >= least && value <= most) continue;
    throw refusal(task, `${name} ${value} is not from ${least} to ${most}`);
  }
  return Object.freeze({ ...rest, outputMb, nice });
}

function refusal(task: string, reason: string): ConfigurationError {
  return new ConfigurationError(
    `Cannot define task '${task}' because its sandbox's ${reason}: correct it`,
  );
}
