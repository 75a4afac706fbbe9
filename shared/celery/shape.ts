/** Type guards for values in messages. */

/** Maximum characters of a name or id: the column size of django-celery-results. */
export const MAX_NAME = 255;

/** Maximum bytes of a message property (AMQP 0-9-1, short strings). */
export const MAX_PROPERTY = 255;

/** An object that is not an array. */
export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Text that Postgres can store: without NUL. */
export function isText(value: unknown): value is string {
  return typeof value === "string" && !value.includes("\0");
}

/** A name or id: storable text of 1 to {@linkcode MAX_NAME} characters. */
export function isName(value: unknown): value is string {
  return isText(value) && value.length > 0 && value.length <= MAX_NAME;
}

/** Whether a text can be a property of a message: at most {@linkcode MAX_PROPERTY} bytes in UTF-8. */
export function fitsProperty(text: string): boolean {
  return text.length * 3 <= MAX_PROPERTY ||
    new TextEncoder().encode(text).length <= MAX_PROPERTY;
}

/** A whole number from 0. */
export function isCount(value: unknown): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0;
}

/** A duration: a finite number from 0. */
export function isSeconds(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
