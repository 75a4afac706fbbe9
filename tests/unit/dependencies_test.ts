/** What the first run of a checkout downloads: `deno task` installs the npm packages of `imports` in deno.json, and `deno run` every package of deno.lock. */
import { assertEquals } from "@std/assert";
import { readModules } from "../support/modules.ts";

interface Lock {
  readonly specifiers: Readonly<Record<string, string>>;
  readonly npm: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly integrity: string;
  readonly dependencies?: readonly string[];
  readonly optionalDependencies?: readonly string[];
}

const checkout = new URL("../../", import.meta.url);
const read = (path: string) => JSON.parse(Deno.readTextFileSync(new URL(path, checkout)));
const { imports, scopes } = read("deno.json");
const lock: Lock = read("deno.lock");
const testLock: Lock = read("tests/deno.lock");
const files = [...(await readModules(checkout)).values()];
const isTest = (path: string) => path.startsWith("tests/");

/** The entries of an import map that lead to npm: name -> specifier. */
function packagesOf(
  entries: Readonly<Record<string, string>>,
): readonly (readonly [string, string])[] {
  return Object.entries(entries).filter(([, target]) => target.startsWith("npm:"));
}

/** `npm:/hono@^4.0.0/utils`, `hono@4.0.0` and `hono` -> `hono` */
function nameOf(specifier: string): string {
  const [name] = /(?:@[^/@]+\/)?[^/@]+/.exec(specifier.replace(/^npm:\/?/, "")) ?? [""];
  return name;
}

function namesOf(entries: Readonly<Record<string, string>>): string[] {
  return [...new Set(packagesOf(entries).map(([, target]) => nameOf(target)))].sort();
}

/** The names that nothing imports. */
function unused(entries: Readonly<Record<string, string>>, importers: typeof files): string[] {
  const specifiers = importers.flatMap((file) => file.imports.map((one) => one.specifier));
  return packagesOf(entries).map(([name]) => name).filter((name) =>
    !specifiers.some((one) => one === name || (name.endsWith("/") && one.startsWith(name)))
  );
}

/** The names of these packages and of everything that they depend on. */
function withDependencies({ npm }: Lock, names: readonly string[]): string[] {
  const found = new Set<string>();
  const visit = (name: string) => {
    if (found.has(name)) return;
    found.add(name);
    for (const [key, { dependencies = [], optionalDependencies = [] }] of Object.entries(npm)) {
      if (nameOf(key) === name) [...dependencies, ...optionalDependencies].map(nameOf).map(visit);
    }
  };
  names.forEach(visit);
  return [...found].sort();
}

function locked({ npm }: Lock): string[] {
  return [...new Set(Object.keys(npm).map(nameOf))].sort();
}

Deno.test("every package of `imports` is imported by the program", () => {
  assertEquals(unused(imports, files.filter(({ path }) => !isTest(path))), []);
});

Deno.test("every package of `scopes` is imported by the tests", () => {
  for (const entries of Object.values<Record<string, string>>(scopes)) {
    assertEquals(unused(entries, files.filter(({ path }) => isTest(path))), []);
  }
});

Deno.test("deno.lock holds the packages of `imports` and their dependencies only", () => {
  assertEquals(
    locked(lock),
    withDependencies(lock, namesOf(imports)),
    "Cannot keep the first run small because deno.lock holds packages of tests: restore it, and pass --lock=tests/deno.lock to deno test and deno check",
  );
});

Deno.test("tests/deno.lock holds the packages of deno.json and their dependencies only", () => {
  const all = Object.assign({}, imports, ...Object.values(scopes));
  assertEquals(locked(testLock), withDependencies(testLock, namesOf(all)));
});

Deno.test("tests run with the versions of deno.lock", () => {
  for (const [specifier, version] of Object.entries(lock.specifiers)) {
    assertEquals(testLock.specifiers[specifier], version, specifier);
  }
  for (const [name, { integrity }] of Object.entries(lock.npm)) {
    assertEquals(testLock.npm[name]?.integrity, integrity, name);
  }
});
