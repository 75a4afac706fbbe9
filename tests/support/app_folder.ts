/** Creates a folder with an app that uses this checkout. */
import { checkout } from "./roles.ts";

/** Creates a folder with these files and a `deno.json` that links the checkout. Disposing deletes it.
 *
 * @param name of the folder, for tests of special characters */
export async function appFolder(
  files: Readonly<Record<string, string>>,
  name = "app",
): Promise<AsyncDisposable & { readonly folder: string }> {
  const parent = await Deno.makeTempDir();
  const folder = `${await Deno.realPath(parent)}/${name}`;
  await Deno.mkdir(folder);
  const config = JSON.stringify({
    imports: { "@celeriac/celeriac": "jsr:@celeriac/celeriac@^0.1.0" },
    links: [checkout],
  });
  for (const [file, text] of Object.entries({ "deno.json": config, ...files })) {
    await Deno.writeTextFile(`${folder}/${file}`, text);
  }
  return { folder, [Symbol.asyncDispose]: () => Deno.remove(parent, { recursive: true }) };
}
