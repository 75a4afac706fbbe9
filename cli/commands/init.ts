/** `cli init`: the files of a new app. */
import { join, relative, resolve } from "node:path";
import { ConfigurationError } from "../../shared/errors.ts";
import { shellQuote } from "../../shared/text/shell_quote.ts";
import type { Command } from "../command.ts";
import { appTemplate } from "../init/app_template.ts";
import { checkoutFolder } from "../launch/app_config.ts";
import { printAnswer } from "../terminal/print.ts";

/** Writes an app that runs. */
export const init: Command = {
  summary: "write a new app: contracts, handlers, a test, and tasks for every role",
  usage: "[FOLDER]",
  details: [
    "Creates FOLDER if it does not exist; the default is the working directory. Existing files are never overwritten.",
    "From a checkout, the app links the checkout; delete `links` from its deno.json to use the package from a registry.",
  ].join("\n"),
  flags: { json: { help: "print the folder and the files as JSON" } },
  async run(given) {
    const { rest } = given;
    const [name = ".", ...others] = rest;
    if (others.length > 0) {
      throw new ConfigurationError(
        `Cannot write an app to ${rest.length} folders: give one, in quotes if its name contains spaces`,
      );
    }
    const folder = resolve(name);
    const checkout = checkoutFolder();
    const files = appTemplate(checkout && asLink(relative(folder, checkout)));
    await makeFolder(folder, Object.keys(files));
    for (const [file, text] of Object.entries(files)) {
      await explained(
        folder,
        () => Deno.writeTextFile(join(folder, file), text, { createNew: true }),
      );
    }
    const written = Object.keys(files);
    const lines = [
      `Wrote ${written.join(", ")} to ${folder}. Next:`,
      ...folder === Deno.cwd() ? [] : [`  cd ${pasted(name)}`],
      "  deno task test\n  deno task dev",
    ];
    return printAnswer(given, { folder, files: written }, lines.join("\n"));
  },
};

/** Deno reads `links` as relative URLs. */
function asLink(path: string): string {
  return path.replaceAll(/[%?#]/g, encodeURIComponent);
}

async function makeFolder(folder: string, files: readonly string[]): Promise<void> {
  await explained(folder, () => Deno.mkdir(folder, { recursive: true }));
  const present = await Array.fromAsync(Deno.readDir(folder), (entry) => entry.name);
  const taken = files.filter((file) => present.includes(file));
  if (taken.length === 0) return;
  throw new ConfigurationError(
    `Cannot write an app to '${folder}' because it already contains ${
      taken.join(", ")
    }: choose another folder, or move them`,
  );
}

/** File-system errors with a remedy. */
async function explained(folder: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigurationError(
      `Cannot write an app to '${folder}' because of ${String(cause)}: choose another folder`,
      { cause },
    );
  }
}

/** A word as typed into a shell. */
function pasted(word: string): string {
  return /^[\w./~-]+$/.test(word) ? word : shellQuote(word);
}
