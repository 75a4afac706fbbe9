/** CommandArguments of a control command, read one by one. */
import { InvalidInput } from "../../shared/errors.ts";

/** What was given, and what is wrong with it in words. */
export class CommandArguments {
  readonly #method: string;
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(method: string, given: Readonly<Record<string, unknown>>) {
    this.#method = method;
    this.#given = given;
  }

  /** @throws {InvalidInput} when it is no text */
  text(name: string): string {
    const value = this.#given[name];
    if (typeof value === "string" && value !== "") return value;
    throw this.#wrong(name, "a text");
  }

  /** `undefined` when it is absent or empty.
   *
   * @throws {InvalidInput} when it is no text */
  optionalText(name: string): string | undefined {
    return (this.#given[name] ?? "") === "" ? undefined : this.text(name);
  }

  /** One text or many; none when it is absent.
   *
   * @throws {InvalidInput} when there is anything else among them */
  texts(name: string): string[] {
    const values = [this.#given[name] ?? []].flat();
    if (values.every((value) => typeof value === "string")) return values;
    throw this.#wrong(name, "a text or a list of them");
  }

  /** @param fallback when it is absent
   * @throws {InvalidInput} when it is no number */
  number(name: string, fallback: number): number {
    return this.optionalNumber(name) ?? fallback;
  }

  /** @throws {InvalidInput} when it is no number above 0 */
  optionalNumber(name: string): number | undefined {
    const value = this.#given[name] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    throw this.#wrong(name, "a number above 0");
  }

  /** Whether something is asked for, in Python's sense: Flower sends 1 for true. */
  flag(name: string): boolean {
    return Boolean(this.#given[name]);
  }

  /** As it was given. */
  raw(name: string): unknown {
    return this.#given[name];
  }

  #wrong(name: string, wanted: string): InvalidInput {
    return new InvalidInput(
      `Cannot run '${this.#method}' because its argument '${name}' is not ${wanted}: give '${name}'`,
      name,
    );
  }
}
