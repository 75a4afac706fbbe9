/** Bodies of HTML forms. */
import type { Context } from "hono";
import type { z } from "zod";
import { fieldProblem, Problem, refusal } from "../http/problem.ts";

/** Bytes of a form: those of the page are small. */
const LIMIT = 16 * 1024;

/** Reads a form by a schema. Fields that the schema lacks are ignored.
 *
 * @throws {Problem} `unsupported-content-type`, `body-too-large`, or `invalid-input` naming every invalid field */
export async function readForm<Shape extends z.ZodObject>(
  c: Context,
  schema: Shape,
): Promise<z.output<Shape>> {
  const type = c.req.header("content-type") ?? "";
  if (!/^application\/x-www-form-urlencoded(;|$)/i.test(type)) {
    throw new Problem(
      "unsupported-content-type",
      "Cannot read the form because it is not application/x-www-form-urlencoded: use the form of the page, or the API at /docs",
    );
  }
  if (Number(c.req.header("content-length") ?? 0) > LIMIT) throw tooLarge();
  const text = await c.req.text();
  if (text.length > LIMIT) throw tooLarge();
  const parsed = schema.safeParse(Object.fromEntries(new URLSearchParams(text)));
  if (parsed.success) return parsed.data;
  throw refusal("the form", parsed.error.issues, ({ path, message }) => ({
    field: path.join("."),
    message,
  }));
}

function tooLarge(): Problem {
  return new Problem(
    "body-too-large",
    `Cannot read the form because it has more than ${LIMIT} bytes: shorten it`,
  );
}

/** The path of a page of this site, to go to after an action. A path of another site would let a link lead there.
 *
 * @throws {Problem} `invalid-input` */
export function localPath(text: string | undefined): string {
  if (text === undefined || text === "") return "/";
  if (/^\/(?![/\\])[\x21-\x7e]*$/.test(text) && !text.includes("\\")) return text;
  throw fieldProblem("next", "expected the path of a page");
}
