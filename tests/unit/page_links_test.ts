/** Links between the pages of the documentation. */
import { assertEquals } from "@std/assert";
import { pages } from "../support/documentation.ts";
import { checkout } from "../support/roles.ts";

/** A heading's anchor, as GitHub makes it. */
function anchorOf(heading: string): string {
  const text = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, "$1").trim().toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N}\s_-]/gu, "").replaceAll(" ", "-");
}

function anchorsOf(text: string): Set<string> {
  const prose = text.replaceAll(/^( *)```[\s\S]*?^\1```$/gm, "");
  return new Set([...prose.matchAll(/^#+ (.*)$/gm)].map(([, heading = ""]) => anchorOf(heading)));
}

Deno.test("every link of a page leads to a file, and to a heading where it names one", async () => {
  const texts = await pages();
  const broken: string[] = [];
  let followed = 0;
  for (const [page, text] of texts) {
    for (const [, link = ""] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(link)) continue;
      const [path = "", anchor] = link.split("#");
      const target = path === ""
        ? page
        : new URL(path, `file:///${page}`).pathname.slice(1).replace(/\/$/, "");
      const exists = await Deno.stat(`${checkout}${target}`).then(() => true, () => false);
      const linked = texts.get(target);
      const reached = exists &&
        (anchor === undefined || linked !== undefined && anchorsOf(linked).has(anchor));
      if (!reached) broken.push(`${page}: ${link}`);
      followed++;
    }
  }
  assertEquals(broken, []);
  assertEquals(followed > 50, true);
});
