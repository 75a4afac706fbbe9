/** Reads the project's modules and imports with `deno info`, for architecture tests.
 * @module
 */
import { fileURLToPath } from "node:url";
import { run } from "./process.ts";

/** One import statement or `import()`. */
export interface Import {
  /** As written. */
  readonly specifier: string;
  /** Path of the imported file relative to the checkout; absent for packages. */
  readonly file?: string;
  /** Whether it is erased at run time: `import type`. */
  readonly typeOnly: boolean;
}

/** One TypeScript file of the project. */
export interface SourceFile {
  /** Relative to the checkout. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

interface Dependency {
  specifier: string;
  code?: { specifier?: string };
  type?: { specifier?: string };
}

interface Graph {
  modules: { specifier: string; dependencies?: Dependency[] }[];
}

/** Reads every TypeScript file of the checkout and what it imports.
 *
 * @param root folder of the checkout, with a trailing slash */
export async function readModules(root: URL): Promise<ReadonlyMap<string, SourceFile>> {
  const paths = typescriptFiles(root, "");
  const roots = await Deno.makeTempFile({ suffix: ".ts" });
  const lines = paths.map((path) => `import ${JSON.stringify(new URL(path, root).href)};`);
  await Deno.writeTextFile(roots, lines.join("\n"));
  const config = fileURLToPath(new URL("deno.json", root));
  const lock = fileURLToPath(new URL("tests/deno.lock", root));
  const json = await run(
    Deno.execPath(),
    ["info", "--json", `--config=${config}`, `--lock=${lock}`, roots],
    { env: { NO_COLOR: "1" } },
  );
  await Deno.remove(roots);
  const graph = JSON.parse(json) as Graph;
  const dependencies = new Map(graph.modules.map((one) => [one.specifier, one.dependencies ?? []]));
  return new Map(paths.map((path) => {
    const url = new URL(path, root);
    const imports = (dependencies.get(url.href) ?? []).map((one) => importOf(one, root));
    return [path, { path, text: Deno.readTextFileSync(url), imports }];
  }));
}

function importOf({ specifier, code, type }: Dependency, root: URL): Import {
  const target = (code ?? type)?.specifier ?? "";
  const typeOnly = code === undefined;
  return target.startsWith(root.href)
    ? { specifier, typeOnly, file: target.slice(root.href.length) }
    : { specifier, typeOnly };
}

function typescriptFiles(root: URL, folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder || ".", root))].flatMap((entry) => {
    if (entry.name.startsWith(".") || entry.name === "node_modules") return [];
    const path = `${folder}${entry.name}`;
    if (entry.isDirectory) return typescriptFiles(root, `${path}/`);
    return entry.name.endsWith(".ts") ? [path] : [];
  });
}
