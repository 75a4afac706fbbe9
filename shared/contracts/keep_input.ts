/** Whether records keep the input of a task, and which parts of it are redacted. */
import { ConfigurationError } from "../errors.ts";
import { refuseUnknownKeys } from "./known_keys.ts";

/** The final states with which a record keeps the task's input: `failure` means FAILURE, `always` each of them. */
export type KeepInput = "failure" | "always" | "never";

/** Longer form of `keepInput`. */
export interface KeepInputOptions {
  /** Default `failure`. */
  readonly when?: KeepInput;
  /** Dotted paths of values that no record contains, such as `card.number`; `*` is any key or index. Default none. */
  readonly redact?: readonly string[];
}

/** The complete form. */
export interface InputPolicy {
  /** With which final states. */
  readonly when: KeepInput;
  /** Paths as segments. */
  readonly redact: readonly (readonly string[])[];
}

/** The default, and the policy of tasks without a contract. */
export const KEEP_FAILURES: InputPolicy = Object.freeze({ when: "failure", redact: [] });

const WORDS: readonly string[] = ["failure", "always", "never"];

/** Reads `keepInput` of a definition.
 *
 * @param keys names of the arguments
 * @throws {ConfigurationError} with the mistake and its remedy
 *
 * @example
 * ```ts
 * import { inputPolicy } from "./keep_input.ts";
 * import { assertEquals } from "@std/assert";
 *
 * const policy = inputPolicy("pay", { redact: ["card.number"] }, ["card"]);
 * assertEquals(policy, { when: "failure", redact: [["card", "number"]] });
 * ```
 */
export function inputPolicy(
  name: string,
  given: KeepInput | KeepInputOptions | undefined,
  keys: readonly string[],
): InputPolicy {
  if (given === undefined) return KEEP_FAILURES;
  const refuse = (reason: string) =>
    new ConfigurationError(`Cannot define task '${name}' because ${reason}`);
  const options: KeepInputOptions = typeof given === "object" && given !== null
    ? given
    : { when: given };
  refuseUnknownKeys(options, ["when", "redact"], {
    doing: `define task '${name}'`,
    within: "keepInput",
  });
  const { when = "failure", redact = [] } = options;
  if (!WORDS.includes(when)) {
    throw refuse(`keepInput '${when}' is none of ${WORDS.join(", ")}: choose one`);
  }
  if (!Array.isArray(redact)) {
    throw refuse("redact of its keepInput is not a list of paths: write one, such as ['password']");
  }
  const paths = redact.map((path) => {
    const segments = typeof path === "string" ? path.split(".") : [];
    const [first = ""] = segments;
    if (segments.length > 0 && !segments.includes("") && (first === "*" || keys.includes(first))) {
      return Object.freeze(segments);
    }
    throw refuse(
      `path '${path}' in redact of its keepInput does not begin with an argument: begin with one of ${
        ["*", ...keys].join(", ")
      }`,
    );
  });
  return Object.freeze({ when, redact: Object.freeze(paths) });
}

/** Whether records of a task contain no representation of its arguments, because parts of them are redacted. */
export function redactsInput(
  contract: { readonly keepInput: InputPolicy } | undefined,
): boolean {
  return contract !== undefined && contract.keepInput.redact.length > 0;
}
