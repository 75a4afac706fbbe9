/** Selects the second attempt after failed checks of the page: only these checks.
 * @module
 */
import type { Failure } from "../support/report.ts";
import type { SecondTry } from "../support/suite.ts";

/** Name of the variable with the checks that run, one a line. Without it all run. */
export const CHECKS_VARIABLE = "CELERIAC_TEST_CHECKS";

/** If more checks fail, they are broken rather than flaky. */
const MAX_AGAIN = 3;

/** Selects the failed checks, which are steps of one test.
 *
 * @returns `undefined` if too many failed */
export function failedChecks(failed: readonly Failure[]): SecondTry | undefined {
  const checks = failed.flatMap(({ name }) => name.split(" > ").slice(1));
  if (checks.length > MAX_AGAIN) return undefined;
  return {
    flags: [],
    environment: checks.length > 0 ? { [CHECKS_VARIABLE]: checks.join("\n") } : {},
  };
}
