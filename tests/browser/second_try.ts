/** Selects the second attempt after failed checks of the page: only these checks.
 * @module
 */
import type { Failure } from "../support/report.ts";
import type { SecondTry } from "../support/suite.ts";

/** Name of the variable with the checks that run, one a line. Without it all run. */
export const CHECKS_VARIABLE = "CELERIAC_TEST_CHECKS";

/** If more checks fail, they are broken rather than flaky. */
const MAX_AGAIN = 3;

/** Begins the message of a failure, before the names of the failed checks. */
const FAILED = "Failed checks: ";
const SEPARATOR = " | ";

/** The message of a failure. */
export function failureOf(checks: readonly string[]): string {
  return FAILED + checks.join(SEPARATOR);
}

/** Selects the checks that the messages of the failures name; all, if there are none.
 *
 * @returns `undefined` if too many failed */
export function failedChecks(failed: readonly Failure[]): SecondTry | undefined {
  const checks = failed.flatMap(({ message }) => {
    const [, names] = message.split("\n", 1)[0]!.split(FAILED);
    return names?.split(SEPARATOR) ?? [];
  });
  if (checks.length > MAX_AGAIN) return undefined;
  return {
    flags: [],
    environment: checks.length > 0 ? { [CHECKS_VARIABLE]: checks.join("\n") } : {},
  };
}
