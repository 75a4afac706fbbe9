/** Arguments of a remote control command. */
import { InvalidInput } from "../../shared/errors.ts";

/** Reads and validates arguments. */
export class CommandArguments {
  readonly #method: string;
  readonly #given: Readonly<Record<string, unknown>>;

  constructor(method: string, given: Readonly<Record<string, unknown>>) {
    this.#method = method;
    this.#given = given;
  }

  /** @throws {InvalidInput} if it is not a text */
  text(name: string): string {
    const value = this.#given[name];
    if (typeof value === "string" && value !== "") return value;
    throw this.#wrong(name, "a text");
  }

  /** `undefined` if it is absent or empty.
   *
   * @throws {InvalidInput} if it is not a text */
  optionalText(name: string): string | undefined {
    return (this.#given[name] ?? "") === "" ? undefined : this.text(name);
  }

  /** One text or a list of texts; an empty list if absent.
   *
   * @throws {InvalidInput} if an item is not a text */
  texts(name: string): string[] {
    const values = [this.#given[name] ?? []].flat();
    if (values.every((value) => typeof value === "string")) return values;
    throw this.#wrong(name, "a text or a list of them");
  }

  /** @param fallback value if it is absent
   * @throws {InvalidInput} if it is not a number above 0 */
  number(name: string, fallback: number): number {
    return this.optionalNumber(name) ?? fallback;
  }

  /** @throws {InvalidInput} if it is not a number above 0 */
  optionalNumber(name: string): number | undefined {
    const value = this.#given[name] ?? undefined;
    if (value === undefined) return undefined;
    if (typeof value === "number" && value > 0 && Number.isFinite(value)) return value;
    throw this.#wrong(name, "a number above 0");
  }

  /** Truth value of an argument, as in Python: Flower sends 1 for true. */
  flag(name: string): boolean {
    return Boolean(this.#given[name]);
  }

  /** The unvalidated value. */
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
