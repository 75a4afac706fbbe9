/** `process.env` as npm packages expect it. */
import process from "node:process";

const TOLERANT = Symbol.for("celeriac.environment");

/** Paths of npm packages: in Deno's cache, or in a folder of the app. */
const PACKAGE = /\/(?:node_modules|npm\/[^/]+\.[^/]+)\//;

/** Stack frames that only forward the access. */
const PASSING = /\((?:ext|node):|at (?:async )?(?:ext|node):|<anonymous>\)?$/;

/** Makes undeclared variables appear unset to npm packages.
 *
 * Deno throws if a program may not read a variable, and packages read many optional ones at their top level. The app's own code still gets
 * the error, because its contract should declare the variable. */
export function tolerateUndeclaredVariables(): void {
  const environment = process.env as Record<PropertyKey, string | undefined>;
  if (TOLERANT in environment) return;
  // Also contains the variables that a package sets. The target of the proxy must be an object that does not throw.
  const own: Record<PropertyKey, string | undefined> = Object.create(null);
  const hidden = (name: PropertyKey) =>
    typeof name === "string" && !Object.hasOwn(own, name) && !mayRead(name) && calledByPackage();
  const read = (name: PropertyKey) => {
    if (Object.hasOwn(own, name)) return own[name];
    return hidden(name) ? undefined : environment[name];
  };
  process.env = new Proxy(own, {
    get: (_, name) => read(name),
    has: (_, name) =>
      name === TOLERANT || Object.hasOwn(own, name) || !hidden(name) && name in environment,
    set(_, name, value) {
      if (typeof name === "string" && mayRead(name)) environment[name] = value;
      else own[name] = String(value);
      return true;
    },
    deleteProperty(_, name) {
      if (typeof name === "string" && mayRead(name)) delete environment[name];
      else delete own[name];
      return true;
    },
    ownKeys: () => calledByPackage() ? Reflect.ownKeys(own) : Reflect.ownKeys(environment),
    getOwnPropertyDescriptor(_, name) {
      const value = read(name);
      if (value === undefined) return undefined;
      return { value, writable: true, enumerable: true, configurable: true };
    },
  }) as typeof process.env;
}

/** Cached permissions by name: packages read some variables often, and permissions never grow. */
const readable = new Map<string, boolean>();

function mayRead(variable: string): boolean {
  let may = readable.get(variable);
  if (may === undefined) {
    may = variable !== "" &&
      Deno.permissions.querySync({ name: "env", variable }).state === "granted";
    readable.set(variable, may);
  }
  return may;
}

/** Whether a package's code, not the app's, made this access. */
function calledByPackage(): boolean {
  const { stack } = new Error();
  if (typeof stack !== "string") return false;
  const frames = stack.split("\n").filter((line) => /^\s+at /.test(line));
  const caller = frames.find((frame) => !frame.includes(import.meta.url) && !PASSING.test(frame));
  return caller !== undefined && PACKAGE.test(caller);
}
