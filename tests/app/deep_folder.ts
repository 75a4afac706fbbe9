/** Folders deeper than a path can name. */

/** Levels that one path can name: two characters each. */
const CHAIN = 1500;

/** Makes `levels` folders called `a` within one another, below a folder that exists. Needs nothing but write access there. */
export function makeDeepFolder(folder: string, levels: number): void {
  let bottom = "";
  for (let made = 0; made < levels; made += CHAIN) {
    const chain = Array(Math.min(CHAIN, levels - made)).fill("a").join("/");
    Deno.mkdirSync(`${folder}/next/${chain}`, { recursive: true });
    // The one made before hangs below the new one: no path ever grows longer.
    if (bottom) Deno.renameSync(`${folder}/a`, `${folder}/next/${chain}/a`);
    bottom = chain;
    Deno.renameSync(`${folder}/next/a`, `${folder}/a`);
    Deno.removeSync(`${folder}/next`);
  }
}
