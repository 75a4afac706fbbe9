/** Bodies of HTML forms. */
import type { Context } from "hono";
import type { z } from "zod";
import { decodeText, readBytes, requireType } from "../http/body.ts";
import { fieldProblem, refusal } from "../http/problem.ts";

/** Bytes of a form: most forms of the page are small. */
const LIMIT = 16 * 1024;

const TYPE = "application/x-www-form-urlencoded";

/** Reads a form by a schema. Fields that the schema lacks are ignored.
 *
 * @param options.limit maximum bytes; default 16 KiB
 * @throws {Problem} `unsupported-content-type`, `body-too-large`, or `invalid-input` naming every invalid field */
export async function readForm<Shape extends z.ZodObject>(
  c: Context,
  schema: Shape,
  { limit = LIMIT }: { readonly limit?: number } = {},
): Promise<z.output<Shape>> {
  requireType(c.req.raw.headers, [TYPE]);
  const text = decodeText(await readBytes(c.req.raw, limit));
  const parsed = schema.safeParse(Object.fromEntries(new URLSearchParams(text)));
  if (parsed.success) return parsed.data;
  throw refusal("the form", parsed.error.issues, ({ path, message }) => ({
    field: path.join("."),
    message,
  }));
}

/** The path of a page of this site, to go to after an action. A path of another site would let a link lead there.
 *
 * @throws {Problem} `invalid-input` */
export function localPath(text: string | undefined): string {
  if (text === undefined || text === "") return "/";
  if (/^\/(?![/\\])[\x21-\x7e]*$/.test(text) && !text.includes("\\")) return text;
  throw fieldProblem("next", "expected the path of a page");
}
