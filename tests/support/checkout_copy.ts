/** Copies the checkout without the files that a clone lacks.
 * @module
 */
import { appTemplate } from "../../cli/init/app_template.ts";
import { blocksOf } from "./documentation.ts";
import { checkout } from "./roles.ts";

/** Files that are not in a clone. */
const LEFT_OUT = [".git", ".celeriac", ".venv", "node_modules", "report"];

/** Copies the checkout into a new folder `celeriac` of a folder.
 *
 * @returns the copy's path */
export async function copyCheckout(parent: string): Promise<string> {
  await copyTree(checkout.slice(0, -1), `${parent}/celeriac`);
  return `${parent}/celeriac`;
}

/** Copies a folder without symbolic links. */
export async function copyTree(from: string, to: string): Promise<void> {
  await Deno.mkdir(to);
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (LEFT_OUT.includes(name)) continue;
    if (isDirectory) await copyTree(`${from}/${name}`, `${to}/${name}`);
    else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

/** The modules of the README's app, by the name on their first line, and the `deno.json` of a new app in a
 * folder beside the checkout. */
export async function readmeApp(): Promise<ReadonlyMap<string, string>> {
  const readme = await Deno.readTextFile(`${checkout}README.md`);
  const files = blocksOf("README.md", readme).flatMap(({ text }) => {
    const [, name] = /^\/\/ ([\w.]+\.\w+)\b/.exec(text) ?? [];
    return name === undefined ? [] : [[name, text] as const];
  });
  return new Map([...files, ["deno.json", appTemplate("../celeriac")["deno.json"]!]]);
}
