/** Prints results of commands. */
import type { Given } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Prints a value as JSON. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** Prints the API's answer as JSON with `--json`, otherwise as text.
 *
 * @returns the exit code */
export function printAnswer({ own }: Given, answer: unknown, words: string): number {
  if ("json" in own) printJson(answer);
  else console.log(words);
  return EXIT.done;
}
