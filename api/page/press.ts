/** Makes two presses of one button one change. */
import { createHash } from "node:crypto";
import type { Context } from "hono";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import type { Signature } from "../../shared/celery/signature.ts";
import { callerOf, ownKey } from "../access/request_caller.ts";

/** Name of the hidden field whose value is new whenever the form is drawn. */
export const PRESS_FIELD = "press";

/** A value for the field. */
export function newPress(): string {
  return crypto.randomUUID();
}

/** The idempotency key of a submission by a form: the same for each press of its button, and another one for other input. A form without the
 * field has none.
 *
 * @param press value of the field */
export function pressKey(
  c: Context,
  press: string | undefined,
  { task, args, kwargs, options }: Signature,
): string | undefined {
  if (!press) return undefined;
  const input = stringifyJson([task, args, kwargs, options]);
  const hash = createHash("sha256").update(input).digest("base64url");
  return ownKey(callerOf(c), `page ${press.slice(0, 100)} ${hash}`);
}
