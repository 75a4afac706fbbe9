/** Filters of dead letters and their SQL conditions. */
import type { Parameter } from "../database/database.ts";
import { sanitizeText } from "../database/sanitize_text.ts";

/** Selects letters that match every given field. An empty filter matches all letters. */
export interface LetterFilter {
  readonly id?: string;
  readonly taskId?: string;
  readonly task?: string;
  readonly queue?: string;
  readonly reason?: string;
  /** Collected at or after. */
  readonly since?: Date;
  /** Collected before. */
  readonly until?: Date;
}

/** SQL conditions with their parameters. */
export class Conditions {
  readonly #conditions: string[] = [];
  readonly parameters: Parameter[] = [];

  /** @param condition receives the placeholder of each value */
  add(condition: (...placeholders: string[]) => string, ...values: Parameter[]): void {
    this.#conditions.push(condition(...values.map((value) => `$${this.parameters.push(value)}`)));
  }

  get where(): string {
    return this.#conditions.length > 0 ? `where ${this.#conditions.join(" and ")}` : "";
  }
}

/** The SQL conditions of a filter. */
export function conditions(filter: LetterFilter): Conditions {
  const given = new Conditions();
  const { id, since, until } = filter;
  if (id !== undefined) given.add((value) => `id = ${value}::uuid`, id);
  const texts = {
    task_id: filter.taskId,
    queue: filter.queue,
    reason: filter.reason,
  };
  for (const [column, value] of Object.entries(texts)) {
    if (value !== undefined) given.add((text) => `${column} = ${text}`, sanitizeText(value));
  }
  if (filter.task !== undefined) {
    // The index has the hash.
    const task = sanitizeText(filter.task);
    given.add((text) => `hashtext(task) = hashtext(${text}) and task = ${text}`, task);
  }
  if (since) given.add((time) => `collected_at >= ${time}::timestamptz`, since);
  if (until) given.add((time) => `collected_at < ${time}::timestamptz`, until);
  return given;
}
