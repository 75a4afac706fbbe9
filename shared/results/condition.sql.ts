/** Conditions of lists that no index has, as SQL. */
import type { Parameter } from "../database/database.ts";
import type { RecordCondition, RecordFilter } from "./result.ts";

/** Adds a parameter and returns its place in the statement. */
type Given = (value: Parameter) => string;

/** A condition as an expression that is never null: a row without the value only matches a negated condition.
 *
 * @example
 * ```ts
 * import { conditionSql } from "./condition.sql.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const parameters: unknown[] = [];
 * const given = (value: unknown) => `$${parameters.push(value)}`;
 * const condition = { field: "name", patterns: ["a", "mail_*"], isNegated: true } as const;
 * assertEquals(conditionSql(condition, given), "(name like any($1::text[])) is not true");
 * assertEquals(parameters, [["a", "mail\\_%"]]);
 * ```
 */
export function conditionSql(condition: RecordCondition, given: Given): string {
  return `(${testSql(condition, given)}) is ${condition.isNegated ? "not true" : "true"}`;
}

/** A condition for rows with a label. Its value is a text, or one of a list. */
export function labelCondition(
  { name, value }: NonNullable<RecordFilter["label"]>,
  given: Given,
): string {
  const [one, listed] = [{ [name]: value }, { [name]: [value] }].map((label) =>
    `labels @> ${given(JSON.stringify(label))}::text::jsonb`
  );
  return `(${one} or ${listed})`;
}

function testSql(condition: RecordCondition, given: Given): string {
  const { field, patterns } = condition;
  switch (field) {
    case "text": {
      const contained = patterns.map((word) => likePattern(`*${word.toLowerCase()}*`));
      return `id = any(${given(patterns)}::text[]) or lower(coalesce(name, '')) like any(${
        given(contained)
      }::text[])`;
    }
    case "label": {
      const label = given(condition.label);
      const value = `(labels -> ${label}::text)`;
      // The case keeps a row whose label is no list from the function for lists.
      return `labels ? ${label}::text and exists (
        select from jsonb_array_elements_text(
          case jsonb_typeof${value} when 'array' then ${value} else jsonb_build_array${value} end
        ) as label (value)
        where ${isOneOf("label.value", patterns, given)}
      )`;
    }
    case "submittedBy":
      return isOneOf("submitted_by", patterns, given);
    default:
      return isOneOf(field, patterns, given);
  }
}

function isOneOf(column: string, patterns: readonly string[], given: Given): string {
  return patterns.some((pattern) => pattern.includes("*"))
    ? `${column} like any(${given(patterns.map(likePattern))}::text[])`
    : `${column} = any(${given(patterns)}::text[])`;
}

/** A pattern of the filter in the grammar of LIKE. */
function likePattern(pattern: string): string {
  return pattern.replaceAll(/[\\%_]/g, "\\$&").replaceAll("*", "%");
}
