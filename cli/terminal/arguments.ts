/** Parses arguments of subcommands: keywords and numbers. */
import { closest } from "../../shared/text/closest.ts";
import { ConfigurationError } from "../../shared/errors.ts";

/** Validates a keyword of a command.
 *
 * @param what it is done to, such as `schedules`
 * @throws {ConfigurationError} saying which word was meant
 *
 * @example
 * ```ts
 * import { subcommandOf } from "./arguments.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(subcommandOf("list", ["list", "show"], "letters"), "list");
 * assertThrows(() => subcommandOf("shwo", ["list", "show"], "letters"), Error, "did you mean 'show'?");
 * ```
 */
export function subcommandOf<Word extends string>(
  given: string,
  known: readonly Word[],
  what: string,
): Word {
  const word = known.find((one) => one === given);
  if (word) return word;
  const near = closest(given, known);
  throw new ConfigurationError(
    `Cannot '${given}' ${what} because it is not a known command: ${
      near ? `did you mean '${near}'?` : `choose from ${known.join(", ")}`
    }`,
  );
}

/** The given flags of these names, as numbers.
 *
 * @throws {ConfigurationError} for one that is not a number, or below 0
 *
 * @example
 * ```ts
 * import { numericFlags } from "./arguments.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(numericFlags({ rate: "0.5" }, "rate", "limit"), { rate: 0.5 });
 * ```
 */
export function numericFlags<Name extends string>(
  flags: Readonly<Record<string, string>>,
  ...names: Name[]
): Partial<Record<Name, number>> {
  const numbers: Partial<Record<Name, number>> = {};
  for (const name of names) {
    const text = flags[name];
    if (text === undefined) continue;
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || value < 0) {
      throw new ConfigurationError(
        `Cannot use '${text}' of --${name} because it is not a number from 0 up: correct it`,
      );
    }
    numbers[name] = value;
  }
  return numbers;
}

/** Rejects flags that a subcommand does not use.
 *
 * @param command the command and its subcommand
 * @param allowed its flags besides `--json`
 * @throws {ConfigurationError} for the first one */
export function refuseOtherFlags(
  { own }: { readonly own: Readonly<Record<string, string>> },
  command: string,
  allowed: readonly string[],
): void {
  const all = [...allowed, "json"];
  const other = Object.keys(own).find((name) => !all.includes(name));
  if (other === undefined) return;
  throw new ConfigurationError(
    `Cannot use --${other} because \`${command}\` has no such flag: choose from ${
      all.map((name) => `--${name}`).join(", ")
    }`,
  );
}

/** Rejects arguments of a command that accepts only flags.
 *
 * @throws {ConfigurationError} for the first one */
export function refuseArguments([word]: readonly string[], command: string): void {
  if (word === undefined) return;
  const remedy = word.includes("=") ? `write --${word}` : `see \`deno task cli ${command} --help\``;
  throw new ConfigurationError(
    `Cannot use '${word}' because \`${command}\` takes flags only: ${remedy}`,
  );
}

/** The value of an attribute: a whole number, `true` or `false` if it is written so, otherwise text.
 *
 * @example
 * ```ts
 * import { scalarOf } from "./arguments.ts";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["acme", "3", "true", "03"].map(scalarOf), ["acme", 3, true, "03"]);
 * ```
 */
export function scalarOf(text: string): string | number | boolean {
  if (text === "true" || text === "false") return text === "true";
  return /^(?:0|-?[1-9]\d{0,9})$/.test(text) ? Number(text) : text;
}
