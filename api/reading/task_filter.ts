/** Filters of the list of tasks, in the grammar of GitHub's search: `state:failure,retry -name:beat.* label.order:7 since:1h`.
 *
 * All conditions go to the store, except words with other letters than ASCII: the store may convert them to lower case differently. Conditions
 * that are not one exact value can be checked on a record as well.
 * @module
 */
import { closest } from "../../shared/text/closest.ts";
import {
  type RecordCondition,
  type RecordFilter,
  type State,
  STATES,
  type TaskRecord,
} from "../../shared/results/result.ts";
import { matcher } from "../access/pattern.ts";
import { fieldProblem } from "../http/problem.ts";
import { isInRange } from "../http/time.ts";

/** Why a condition cannot be used. Its text depends on the reader's language. */
export type FilterMistake =
  | { readonly kind: "unknown-key"; readonly key: string; readonly near: string | undefined }
  | { readonly kind: "state"; readonly value: string }
  | { readonly kind: "time"; readonly value: string }
  | { readonly kind: "label" }
  | { readonly kind: "empty"; readonly key: string };

/** A filter as it is applied. */
export interface TaskFilter {
  /** For the store. */
  readonly stored: RecordFilter;
  /** Whether a record matches the conditions that are not one exact value. */
  matches(record: TaskRecord): boolean;
  readonly mistakes: readonly FilterMistake[];
}

type Test = (record: TaskRecord) => boolean;

/** One condition: `-key:value,value`, or a word. Values may be quoted. */
interface Condition {
  readonly isNegated: boolean;
  /** Empty for a word. */
  readonly key: string;
  readonly values: readonly string[];
}

const KEYS = ["state", "name", "queue", "worker", "error"]
  .concat("id", "by", "since", "until", "label");

const CONDITION = /(-?)(?:([A-Za-z][\w.-]*):)?((?:"[^"]*"|[^\s"])*)/y;

const UNIT_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 7 * 86_400_000 } as const;

/** The texts of states in a filter. */
export const STATE_WORDS: readonly string[] = STATES.map((state) => state.toLowerCase());

/** Characters of a filter: each condition may be checked on many records. */
const TEXT_MAX = 2000;

/** Reads a filter. Mistakes are returned and their conditions ignored.
 *
 * @param now for `since:1h`
 * @throws {Problem} `invalid-input` if the filter is too long
 *
 * @example
 * ```ts
 * import { readFilter } from "./task_filter.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const { stored, mistakes } = readFilter("state:failure queue:mail nmae:x", new Date());
 * assertEquals(stored, { state: "FAILURE", queue: "mail" });
 * assertEquals(mistakes, [{ kind: "unknown-key", key: "nmae", near: "name" }]);
 * ```
 */
export function readFilter(text: string, now: Date): TaskFilter {
  if (text.length > TEXT_MAX) {
    throw fieldProblem("q", `expected at most ${TEXT_MAX} characters`);
  }
  const stored: { -readonly [Key in keyof RecordFilter]: RecordFilter[Key] } = {};
  const tests: Test[] = [];
  const checked: RecordCondition[] = [];
  let states: readonly State[] = STATES;
  const mistakes: FilterMistake[] = [];
  // No name contains control characters, and Postgres rejects NUL.
  for (const condition of conditionsOf(text.replaceAll(/\p{Cc}/gu, " "))) {
    const { key, isNegated, values } = condition;
    const mistake = mistakeIn(condition, now);
    if (mistake) {
      mistakes.push(mistake);
      continue;
    }
    const [value = ""] = values;
    const isPlain = !isNegated && values.length === 1 && !value.includes("*");
    const labelName = key.startsWith("label.") ? key.slice("label.".length) : undefined;
    if (key === "since" || key === "until") stored[key] = timeOf(value, now)!;
    else if (key === "state") {
      const named = new Set(values.map(stateOf));
      states = states.filter((state) => named.has(state) !== isNegated);
    } else if (isColumn(key) && isPlain && stored[key] === undefined) stored[key] = value;
    else if (labelName !== undefined && isPlain && stored.label === undefined) {
      stored.label = { name: labelName, value };
    } else {
      const test = testOf(key, values);
      tests.push(isNegated ? (record) => !test(record) : test);
      checked.push(...storable(condition));
    }
  }
  const [state] = states;
  if (state !== undefined && states.length === 1) stored.state = state;
  else if (states.length < STATES.length) {
    stored.states = states;
    tests.push((record) => states.includes(record.state));
  }
  if (checked.length > 0) stored.conditions = checked;
  return {
    stored,
    mistakes,
    matches: (record) => tests.every((test) => test(record)),
  };
}

function conditionsOf(text: string): Condition[] {
  const found: Condition[] = [];
  for (const part of text.match(/(?:"[^"]*"|[^\s"])+/g) ?? []) {
    CONDITION.lastIndex = 0;
    const [, minus = "", key = "", rest = ""] = CONDITION.exec(part) ?? [];
    const values = key === "" ? [unquoted(rest)] : valuesOf(rest);
    if (key !== "" || values[0] !== "") {
      found.push({ isNegated: minus === "-", key, values });
    }
  }
  return found;
}

/** Splits at commas outside of quotes. */
function valuesOf(text: string): string[] {
  return (text.match(/(?:"[^"]*"|[^,"])+/g) ?? []).map(unquoted).filter((value) => value !== "");
}

function unquoted(text: string): string {
  return text.replaceAll('"', "");
}

function mistakeIn({ key, values }: Condition, now: Date): FilterMistake | undefined {
  const isLabel = key.startsWith("label.");
  if (key !== "" && !isLabel && !KEYS.includes(key)) {
    return { kind: "unknown-key", key, near: closest(key, KEYS) };
  }
  if (key === "label" || key === "label.") return { kind: "label" };
  const [value] = values;
  if (value === undefined) return { kind: "empty", key };
  if (key === "state") {
    const unknown = values.find((one) => stateOf(one) === undefined);
    if (unknown !== undefined) return { kind: "state", value: unknown };
  }
  const isTime = key === "since" || key === "until";
  if (isTime && timeOf(value, now) === undefined) return { kind: "time", value };
  return undefined;
}

function stateOf(text: string): State | undefined {
  return STATES.find((state) => state === text.toUpperCase());
}

/** A duration before now, or a time in ISO 8601; a day alone is UTC. */
function timeOf(text: string, now: Date): Date | undefined {
  const [, amount, unit] = /^(\d{1,6})([smhdw])$/.exec(text) ?? [];
  if (amount !== undefined) {
    return inRange(now.getTime() - Number(amount) * UNIT_MS[unit as keyof typeof UNIT_MS]);
  }
  if (!/^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d))?$/.test(text)) {
    return undefined;
  }
  return inRange(Date.parse(text));
}

/** The store cannot compare with other times. */
function inRange(ms: number): Date | undefined {
  const time = new Date(ms);
  return isInRange(time) ? time : undefined;
}

function isColumn(key: string): key is "name" | "queue" | "worker" {
  return key === "name" || key === "queue" || key === "worker";
}

/** The condition for the store; none for a word that it may convert to lower case differently. */
function storable({ key, values: patterns, isNegated }: Condition): RecordCondition[] {
  if (key.startsWith("label.")) {
    return [{ field: "label", label: key.slice("label.".length), patterns, isNegated }];
  }
  if (key === "") {
    return patterns.every(isAscii) ? [{ field: "text", patterns, isNegated }] : [];
  }
  const field = key === "by" ? "submittedBy" : key as "name" | "queue" | "worker" | "id";
  return [{ field, patterns, isNegated }];
}

function isAscii(text: string): boolean {
  return !/[^ -~]/.test(text);
}

function testOf(key: string, values: readonly string[]): Test {
  if (key === "") {
    const [word = ""] = values;
    const contains = matcher([`*${word.toLowerCase()}*`]);
    return ({ id, name }) => id === word || contains((name ?? "").toLowerCase());
  }
  const matches = matcher(values);
  if (key.startsWith("label.")) {
    const name = key.slice("label.".length);
    return ({ labels = {} }) =>
      Object.hasOwn(labels, name) && [labels[name]!].flat().some((value) => matches(value));
  }
  return (record) => {
    const value = key === "id"
      ? record.id
      : key === "by"
      ? record.submittedBy
      : key === "error"
      ? record.exception?.exc_type
      : record[key as "name"];
    return value !== null && value !== undefined && matches(value);
  };
}
