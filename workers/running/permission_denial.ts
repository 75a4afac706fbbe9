/** Explains accesses that Deno denied to a handler, and how to declare them in its contract. */
import {
  ConfigurationError,
  Ignore,
  PolicyViolation,
  Reject,
  type Violation,
} from "../../shared/errors.ts";
import type { TaskContract } from "../../shared/contracts/task.ts";
import { isError, property, reasonsOf, textOf } from "../../shared/runtime/thrown.ts";

/** Deno's message, in its own errors and in those of libraries that quote it. */
const REQUIRES = /Requires (\w+) access(?: to (.+?))?, run again with the --allow-\w+ flag/;

/** Message of `node:net` and `node:dns` for a denied host. */
const UNRESOLVED = /getaddrinfo EPERM (\S+)/;

/** Messages of an `import()` of a module that the worker has not loaded. */
const NOT_CACHED = /--cached-only is specified|npm package not found in cache|Failed loading http/;

/** Causes and aggregated errors that are inspected. */
const MAX_ERRORS = 20;

const KINDS: ReadonlySet<string> = new Set<Violation>([
  ...["read", "write", "net", "env", "sys", "run", "ffi", "import"] as const,
]);

/** A denied access. */
interface Denial {
  readonly kind: Violation;
  /** The target as Deno names it: a path, `host:port` or a variable; absent if all of the kind was denied. For an import, why it failed. */
  readonly what?: string;
}

/** Reads the kind of access from Deno's message. */
export function deniedKind(message: string): Violation {
  return denialIn(message)?.kind ?? "read";
}

/** Converts an error of a handler to a violation if an access was denied, also if the denial is only a cause of the error.
 *
 * @example
 * ```ts
 * import { violationOf } from "./permission_denial.ts";
 * import { defineTask, z } from "../../shared/mod.ts";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const confirm = defineTask({ name: "confirm", input: z.object({}) });
 * const denied = new Deno.errors.NotCapable(
 *   'Requires env access to "SHOP_URL", run again with the --allow-env flag',
 * );
 * const { message } = violationOf(new Error("no shop", { cause: denied }), confirm)!;
 * assertStringIncludes(message, 'permissions: { env: ["SHOP_URL"] }');
 * ```
 */
export function violationOf(
  error: unknown,
  contract: Pick<TaskContract, "name" | "run">,
): PolicyViolation | undefined {
  if (!isError(error) || error instanceof Ignore || error instanceof Reject) return undefined;
  const found = denialOf(error);
  if (!found || found instanceof PolicyViolation) return found;
  const { name, run } = contract;
  return new PolicyViolation(
    `Cannot run task '${name}' because it was denied ${accessOf(found)}: ${remedy(found, run)}`,
    found.kind,
    { cause: error },
  );
}

/** Explains why modules cannot be loaded if an access at their top level was denied; `undefined` otherwise.
 *
 * @param what names the modules in the message: `handlers module 'x'` */
export function deniedAtLoad(error: unknown, what: string): ConfigurationError | undefined {
  const found = denialOf(error);
  if (!found || found instanceof PolicyViolation) return undefined;
  const entry = JSON.stringify([found.what ?? "name"]);
  const advice = found.kind === "ffi"
    ? 'import the native package within the handler, by await import("npm:..."), and declare run: "process" and permissions: { ffi: true } in its contract'
    : found.kind === "env" || found.kind === "read" || found.kind === "sys"
    ? `declare permissions: { ${found.kind}: ${entry} } in the contracts of the module that needs it, and keep handlers that do not in other modules`
    : "do it within the handler, whose contract declares it";
  return new ConfigurationError(
    `Cannot load ${what} because its top level was denied ${accessOf(found)}: ${advice}`,
    { cause: error },
  );
}

/** Finds a denial in an error, its causes and its aggregated errors. */
function denialOf(error: unknown): Denial | PolicyViolation | undefined {
  const errors: unknown[] = [error];
  for (let index = 0; index < Math.min(errors.length, MAX_ERRORS); index++) {
    const found = errors[index];
    if (!isError(found)) continue;
    if (found instanceof PolicyViolation) return found;
    const denial = denialIn(textOf(property(found, "message")));
    if (denial) return denial;
    if (found instanceof Deno.errors.NotCapable) return { kind: "read" };
    errors.push(property(found, "cause"), ...reasonsOf(found));
  }
  return undefined;
}

function denialIn(message: string): Denial | undefined {
  if (NOT_CACHED.test(message)) return { kind: "import", what: message.split("\n")[0]! };
  const [, host] = UNRESOLVED.exec(message) ?? [];
  if (host !== undefined) return { kind: "net", what: host };
  const [found, kind = "", what] = REQUIRES.exec(message) ?? [];
  if (found === undefined || !KINDS.has(kind)) return undefined;
  return { kind: kind as Violation, ...(what && { what: what.replace(/^"(.*)"$/s, "$1") }) };
}

function accessOf({ kind, what }: Denial): string {
  if (kind === "import") return `the import of a module that its worker has not loaded (${what})`;
  return `${kind} access${what === undefined ? "" : ` to ${what}`}`;
}

function remedy({ kind, what }: Denial, run: TaskContract["run"]): string {
  const declare = (value: string) =>
    `declare permissions: { ${kind}: ${value} } in its contract${
      run === "inline"
        ? ", and start the worker with the flags that `cli permissions worker` prints then"
        : ""
    }`;
  switch (kind) {
    case "run":
      return "no task can be granted programs, because no permission confines them: do it in another service";
    case "import":
      return "import the module by a literal name in the handler's module";
    case "ffi":
      return run === "process"
        ? declare("true")
        : 'native code needs run: "process" and permissions: { ffi: true } in the contract';
    case "env":
      return what === undefined
        ? "it read the whole environment: read single variables, and declare them in its contract's permissions"
        : declare(JSON.stringify([what]));
    case "read":
    case "write":
      if (what === "<TMP>") {
        return run === "process" ? declare('["."]') : declare('["/tmp"]');
      }
      if (what !== undefined && !what.startsWith("/")) {
        return `name the file by an absolute path, such as import.meta.dirname + "/${what}", and declare it in its contract's permissions.${kind}`;
      }
      return declare(JSON.stringify([what ?? "/path"]));
    default:
      return declare(JSON.stringify([what ?? "name"]));
  }
}
