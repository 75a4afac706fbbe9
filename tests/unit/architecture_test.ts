/** Checks the rules of docs/why/architecture.md. */
import { assert, assertEquals } from "@std/assert";
import { appTemplate } from "../../cli/init/app_template.ts";
import { type Import, readModules, type SourceFile } from "../support/modules.ts";

const checkout = new URL("../../", import.meta.url);
const modules = await readModules(checkout);
const files = [...modules.values()];
const sources = files.filter((file) => !file.path.startsWith("tests/"));

/** Roles that each role may import from. */
const allowedRoles: Readonly<Record<string, readonly string[]>> = {
  shared: ["shared"],
  api: ["api", "shared"],
  workers: ["workers", "shared"],
  beat: ["beat", "shared"],
  cli: ["cli", "api", "workers", "beat", "shared"],
  // Like a user's app: the two public modules.
  examples: ["examples", "workers", "shared"],
  tests: ["tests", "examples", "cli", "api", "workers", "beat", "shared"],
};

/** Packages behind an interface, and the only files that may import them. */
const singleImporters: Readonly<Record<string, RegExp>> = {
  amqplib: /^shared\/broker\/amqp\/\w+\.ts$/,
  postgres: /^(shared\/database\/postgres_connection|tests\/bench\/programs\/bare_worker)\.ts$/,
  "@electric-sql/pglite": /^shared\/database\/pglite\w*\.ts$/,
};

/** The layers of shared/, from the bottom: a file imports from its own layer or a lower one. Files that match none are pure and form the lowest layer. */
const layers: readonly RegExp[] = [
  /^shared\/(broker|database)\//,
  /^shared\/(dead_letters|events|flow|outbox|results|schedules|series|workflows)\//,
  /^shared\/(mod\.ts$|tasks\/)/, // the sample app uses what apps use
];

/** The only files of shared/ that may read the environment. The second one hides a variable from the driver. */
const environmentReaders = ["shared/config/config.ts", "shared/database/postgres_connection.ts"];

function role(path: string): string {
  return path === "cli.ts" ? "cli" : path.split("/")[0] ?? "";
}

function layer(path: string): number {
  return layers.findIndex((pattern) => pattern.test(path)) + 1;
}

/** The code without comments, approximately. */
function code(file: SourceFile): string {
  return file.text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$|\s\/\/ .*$/gm, "");
}

function importsWhere(
  among: readonly SourceFile[],
  wrong: (file: SourceFile, one: Import) => boolean | undefined,
): string[] {
  return among.flatMap((file) =>
    file.imports
      .filter((one) => wrong(file, one))
      .map((one) => `${file.path} imports ${one.file ?? one.specifier}`)
  );
}

function pathsWhere(
  among: readonly SourceFile[],
  wrong: (file: SourceFile) => boolean,
): string[] {
  return among.filter(wrong).map((file) => file.path);
}

Deno.test("imports go api, beat, workers -> shared, and only cli knows them all", () => {
  assertEquals(
    importsWhere(files, (file, { file: target }) => {
      return target?.endsWith(".ts") && !allowedRoles[role(file.path)]?.includes(role(target));
    }),
    [],
  );
});

Deno.test("a file of shared/ imports nothing from a higher layer at run time", () => {
  assertEquals(
    importsWhere(
      sources.filter((file) => role(file.path) === "shared"),
      (file, { file: target, typeOnly }) =>
        target !== undefined && !typeOnly && layer(target) > layer(file.path),
    ),
    [],
  );
});

Deno.test("the tests' app imports nothing else of tests/: its image holds tests/app alone", () => {
  assertEquals(
    importsWhere(
      files.filter(({ path }) => path.startsWith("tests/app/")),
      (_, { file: target }) => target?.startsWith("tests/") && !target.startsWith("tests/app/"),
    ),
    [],
  );
});

Deno.test("a package behind an interface has one importer", () => {
  for (const [name, importer] of Object.entries(singleImporters)) {
    const wrong = importsWhere(sources, (file, { specifier }) => {
      const isIt = specifier === name || specifier.startsWith(`${name}/`);
      return isIt && !importer.test(file.path);
    });
    assertEquals(wrong, []);
    assert(sources.some((file) => importer.test(file.path)), `nobody imports ${name}`);
  }
});

Deno.test("only tests import the standard library of Deno", () => {
  assertEquals(importsWhere(sources, (_, { specifier }) => specifier.startsWith("@std/")), []);
});

Deno.test("only the command line loads the configuration", () => {
  assertEquals(
    importsWhere(sources, (file, { file: target, typeOnly }) => {
      return target === "shared/config/config.ts" && !typeOnly && role(file.path) !== "cli";
    }),
    [],
  );
});

Deno.test("shared/ reads its settings from the environment in config.ts only", () => {
  const readers = pathsWhere(
    sources.filter((file) => role(file.path) === "shared"),
    (file) => /\bDeno\.env\b|\bprocess\.env\b/.test(code(file)),
  );
  assertEquals(readers.sort(), environmentReaders);
});

Deno.test("modules form no import cycle, type imports included", () => {
  const done = new Set<string>();
  const cycles: string[] = [];
  const visit = (path: string, trail: readonly string[]) => {
    if (trail.includes(path)) {
      cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
      return;
    }
    if (done.has(path)) return;
    for (const { file } of modules.get(path)?.imports ?? []) {
      if (file) visit(file, [...trail, path]);
    }
    done.add(path);
  };
  for (const path of modules.keys()) visit(path, []);
  assertEquals(cycles, []);
});

Deno.test("a folder of sources holds at most 30 files", () => {
  const counts = new Map<string, number>();
  for (const { path } of sources) {
    const folder = path.slice(0, path.lastIndexOf("/"));
    counts.set(folder, (counts.get(folder) ?? 0) + 1);
  }
  assertEquals([...counts].filter(([, count]) => count > 30), []);
});

Deno.test("a source has at most 300 lines, a test 600", () => {
  assertEquals(
    pathsWhere(files, (file) => {
      const ceiling = file.path.startsWith("tests/") ? 600 : 300;
      return file.text.split("\n").length - 1 > ceiling;
    }),
    [],
  );
});

Deno.test("a file is named by its concept", () => {
  const empty = /(^|\/)(utils?|helpers?|common|lib|types|index|managers?|misc)(_test)?(\.ts|\/)/;
  assertEquals(pathsWhere(files, (file) => empty.test(file.path)), []);
});

Deno.test("every file is reachable from an entry point or a test", () => {
  const manifest = Deno.readTextFileSync(new URL("deno.json", checkout));
  const ci = Deno.readTextFileSync(new URL(".ci/run", checkout));
  const named = (text: string) => text.match(/[\w./-]+\.ts\b/g) ?? [];
  const reached = new Set<string>();
  const reach = (path: string) => {
    const file = modules.get(path);
    if (!file || reached.has(path)) return;
    reached.add(path);
    for (const { file: target } of file.imports) if (target) reach(target);
    const literals = code(file).match(/(?<=["'`}])[\w./-]+\.ts(?=["'`])/g) ?? [];
    for (const literal of literals) {
      reach(literal);
      reach(new URL(literal, new URL(path, checkout)).href.slice(checkout.href.length));
    }
  };
  for (const path of [...named(manifest), ...named(ci)]) reach(path.replace(/^\.\//, ""));
  for (const path of modules.keys()) if (path.endsWith("_test.ts")) reach(path);
  assertEquals(pathsWhere(files, (file) => !reached.has(file.path)), []);
});

Deno.test("every test runs, and no check is switched off", () => {
  const switches = [
    /Deno\.test\.(ignore|only)\b/,
    /\bonly: true|\bignore(:| \})/, // a test that lacks what it needs fails
    /@ts-(ignore|expect-error|nocheck)|deno-lint-ignore|deno-fmt-ignore/,
  ];
  const leaks = /\bsanitize(Ops|Resources|Exit): false/;
  const self = "tests/unit/architecture_test.ts";
  // a browser's driver keeps timers and pipes of its own
  const excused = "tests/integration/api/docs_test.ts";
  assertEquals(
    pathsWhere(files, (file) => {
      if (file.path === self) return false;
      const patterns = file.path === excused ? switches : [...switches, leaks];
      return patterns.some((pattern) => pattern.test(file.text));
    }),
    [],
  );
});

Deno.test("a module has no default export", () => {
  assertEquals(pathsWhere(files, (file) => /^export default\b/m.test(code(file))), []);
});

Deno.test("only the command line and the tests write to the console", () => {
  assertEquals(
    pathsWhere(sources, (file) => role(file.path) !== "cli" && /\bconsole\./.test(code(file))),
    [],
  );
});

Deno.test("nothing is left to do in a comment", () => {
  assertEquals(pathsWhere(sources, (file) => /\b(TODO|FIXME|XXX)\b/.test(file.text)), []);
});

Deno.test("a command that a person is shown works as it is pasted", () => {
  const manifest = JSON.parse(Deno.readTextFileSync(new URL("deno.json", checkout)));
  const app = JSON.parse(appTemplate(undefined)["deno.json"]!);
  const known = [...Object.keys(manifest.tasks), ...Object.keys(app.tasks), "-q"];
  const wrong = (text: string) =>
    [
      ...text.matchAll(/^.*(?<!deno run .*)(?<![\w./])cli\.ts (?:[a-z]+|\$\{).*$/gm),
      ...text.matchAll(/deno task ([\w:-]+)/g).filter(([, task = ""]) => !known.includes(task)),
    ].map(([found]) => found);
  const shown = sources.flatMap((file) => wrong(code(file)).map((line) => `${file.path}: ${line}`));
  assertEquals(shown, []);
});
