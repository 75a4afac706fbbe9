/** Creates folders deeper than the maximum path length. */

/** Number of levels in one path: two characters each. */
const CHAIN = 1500;

/** Creates `levels` nested folders named `a` in an existing folder. Needs only write access to it. */
export function makeDeepFolder(folder: string, levels: number): void {
  let bottom = "";
  for (let made = 0; made < levels; made += CHAIN) {
    const chain = Array(Math.min(CHAIN, levels - made)).fill("a").join("/");
    Deno.mkdirSync(`${folder}/next/${chain}`, { recursive: true });
    // the previous folder is moved into the new one, so that paths stay short
    if (bottom) Deno.renameSync(`${folder}/a`, `${folder}/next/${chain}/a`);
    bottom = chain;
    Deno.renameSync(`${folder}/next/a`, `${folder}/a`);
    Deno.removeSync(`${folder}/next`);
  }
}
