/** What commands print. */
import type { Given } from "../command.ts";
import { EXIT } from "../exit.ts";

/** Prints a value as JSON. */
export function printJson(value: unknown): void {
  console.log(JSON.stringify(value, null, 2));
}

/** Prints what the API answers with `--json`, or what it comes to in words.
 *
 * @returns the exit code */
export function tell({ own }: Given, answer: unknown, words: string): number {
  if ("json" in own) printJson(answer);
  else console.log(words);
  return EXIT.done;
}
