/** Labels of a task: the stamps of its message as texts, so that records can be found by them. */
import type { Headers } from "../broker/message.ts";
import { sanitizeText } from "../database/sanitize_text.ts";

/** A text, or several, by name. */
export type Labels = Readonly<Record<string, string | readonly string[]>>;

/** Maximum labels of a record. More stamps are sent, but not stored. */
const LABELS_MAX = 32;

/** Maximum characters of a stored name or value: longer ones are cut. */
const TEXT_MAX = 255;

/** The labels of stamps. A value that is neither text, number, boolean nor a list of these is left out.
 *
 * @returns `undefined` without any
 *
 * @example
 * ```ts
 * import { labelsOf } from "./labels.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(labelsOf({ order: 7, tags: ["a", "b"], nested: {} }), { order: "7", tags: ["a", "b"] });
 * assertEquals(labelsOf({}), undefined);
 * ```
 */
export function labelsOf(stamps: Headers | undefined): Labels | undefined {
  // Most tasks have none.
  for (const _ in stamps) return readAll(stamps);
  return undefined;
}

function readAll(stamps: Headers): Labels | undefined {
  const labels: Record<string, string | readonly string[]> = {};
  for (const [name, value] of Object.entries(stamps).slice(0, LABELS_MAX)) {
    const texts = [value].flat().flatMap((one) => textOf(one) ?? []);
    const [first, second] = texts;
    if (first === undefined) continue;
    labels[shortened(name)] = second === undefined ? first : texts.slice(0, LABELS_MAX);
  }
  return Object.keys(labels).length === 0 ? undefined : labels;
}

function textOf(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return shortened(value);
    case "number":
    case "bigint":
    case "boolean":
      return String(value);
  }
}

function shortened(text: string): string {
  return sanitizeText(text.slice(0, TEXT_MAX));
}
