/** The generated part of docs/why/performance.md.
 * @module
 */

const BEGIN = "<!-- bench: generated -->";
const END = "<!-- /bench -->";

/** Replaces the part of a page between its two comments.
 *
 * @throws if the page lacks one of the comments */
export function replaceGenerated(page: string, text: string): string {
  const begin = page.indexOf(BEGIN);
  const end = page.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new Error(`Cannot write the tables because the page lacks "${BEGIN}" before "${END}"`);
  }
  return `${page.slice(0, begin)}${BEGIN}\n\n${text}\n\n${page.slice(end)}`;
}
