/** Selects the second attempt after failed faults: only these faults, on the releases on which they failed.
 * @module
 */
import type { Failure } from "../support/report.ts";
import type { SecondTry } from "../support/suite.ts";

/** If more faults fail, they are broken rather than flaky. */
const MAX_AGAIN = 3;

/** Selects the failed faults.
 *
 * @returns `undefined` if too many failed */
export function failedFaults(failed: readonly Failure[]): SecondTry | undefined {
  const names = failed.map(({ name }) => name.split(" > "));
  const tests = [...new Set(names.map(([test = ""]) => test))];
  const faults = [...new Set(names.flatMap(([, fault]) => fault ?? []))];
  if (faults.length > MAX_AGAIN) return undefined;
  const filter = tests.map((test) => test.replaceAll(/[\\^$.*+?()[\]{}|]/g, "\\$&")).join("|");
  return {
    flags: [`--filter=/^(?:${filter})$/`],
    environment: faults.length > 0 ? { CELERIAC_CHAOS_FAULTS: faults.join(",") } : {},
  };
}
