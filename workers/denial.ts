/** What Deno denied a handler, and how its contract declares it. */
import { Ignore, PolicyViolation, Reject, type Violation } from "../shared/errors.ts";
import type { TaskContract } from "../shared/task.ts";
import { isError, property, reasonsOf, textOf } from "../shared/thrown.ts";

/** Deno's own words, in its own errors and in those of libraries that quote them. */
const REQUIRES = /Requires (\w+) access(?: to (.+?))?, run again with the --allow-\w+ flag/;

/** What `node:net` and `node:dns` make of a denied host. */
const UNRESOLVED = /getaddrinfo EPERM (\S+)/;

/** What an `import()` of a module that the worker has not loaded says. */
const NOT_CACHED = /--cached-only is specified|npm package not found in cache|Failed loading http/;

/** Causes and gathered errors that are looked at. */
const MAX_ERRORS = 20;

const KINDS: ReadonlySet<string> = new Set<Violation>([
  ...["read", "write", "net", "env", "sys", "run", "ffi", "import"] as const,
]);

/** An access that was denied. */
interface Denial {
  readonly kind: Violation;
  /** What was accessed, as Deno names it: a path, `host:port`, a variable; absent for all of the kind. */
  readonly what?: string;
}

/** The kind of access that this message of Deno denies. */
export function deniedKind(message: string): Violation {
  return denialIn(message)?.kind ?? "read";
}

/** What a handler threw, as a violation if it was denied an access; also where another error bears the denial as its cause.
 *
 * @example
 * ```ts
 * import { violationOf } from "./denial.ts";
 * import { defineTask, z } from "../shared/mod.ts";
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
  const errors: unknown[] = [error];
  for (let index = 0; index < Math.min(errors.length, MAX_ERRORS); index++) {
    const found = errors[index];
    if (!isError(found)) continue;
    if (found instanceof PolicyViolation) return found;
    const message = textOf(property(found, "message"));
    const denial = denialIn(message) ??
      (found instanceof Deno.errors.NotCapable ? { kind: "read" as const } : undefined);
    if (denial) {
      return new PolicyViolation(explained(denial, message, contract), denial.kind, {
        cause: error,
      });
    }
    errors.push(property(found, "cause"), ...reasonsOf(found));
  }
  return undefined;
}

function denialIn(message: string): Denial | undefined {
  if (NOT_CACHED.test(message)) return { kind: "import" };
  const [, host] = UNRESOLVED.exec(message) ?? [];
  if (host !== undefined) return { kind: "net", what: host };
  const [found, kind = "", what] = REQUIRES.exec(message) ?? [];
  if (found === undefined || !KINDS.has(kind)) return undefined;
  return { kind: kind as Violation, ...(what && { what: what.replace(/^"(.*)"$/s, "$1") }) };
}

function explained(
  denial: Denial,
  message: string,
  { name, run }: Pick<TaskContract, "name" | "run">,
): string {
  const { kind, what } = denial;
  const access = kind === "import"
    ? `the import of a module that its worker has not loaded (${message.split("\n")[0]})`
    : `${kind} access${what === undefined ? "" : ` to ${what}`}`;
  return `Cannot run task '${name}' because it was denied ${access}: ${remedy(denial, run)}`;
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
