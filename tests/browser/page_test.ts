/** The page in a browser: one pipeline under load and one browser for all checks of this folder.
 * @module
 */
import { assertEquals } from "@std/assert";
import { actionChecks } from "./actions.ts";
import { charts } from "./charts.ts";
import { everyPage } from "./every_page.ts";
import { type Check, startFixture } from "./fixture.ts";
import { filterChecks } from "./filters.ts";
import { idleChecks } from "./idle.ts";
import { keyboardChecks } from "./keyboard.ts";
import { liveChecks } from "./live.ts";
import { markupChecks } from "./markup.ts";
import { modeChecks } from "./modes.ts";
import { CHECKS_VARIABLE, failureOf } from "./second_try.ts";
import { signInChecks } from "./sign_in.ts";
import { zoneChecks } from "./zones.ts";
import { why } from "./why.ts";

/** Checks that share the system, by their names. The longest is first. */
const SHARED: Readonly<Record<string, Check>> = {
  ...everyPage,
  ...actionChecks,
  ...liveChecks,
  ...signInChecks,
  ...keyboardChecks,
  ...filterChecks,
  ...zoneChecks,
  ...why,
  ...charts,
  ...modeChecks,
};

/** Checks that run alone, after the others. */
const ALONE: Readonly<Record<string, Check>> = { ...markupChecks, ...idleChecks };

/** Checks that run at the same time. */
const AT_ONCE = 3;

/** Characters of the API's log that a failed check prints. */
const LOG_LENGTH = 4_000;

/** Names of the checks to run; `undefined`: all. */
const chosen = Deno.env.get(CHECKS_VARIABLE)?.split("\n");

function select(checks: Readonly<Record<string, Check>>): [name: string, check: Check][] {
  return Object.entries(checks).filter(([name]) => chosen?.includes(name) ?? true);
}

/** An error, and what it suppressed: a page with faults is found when the check has failed already. */
function causes(error: unknown): unknown[] {
  return error instanceof SuppressedError
    ? [...causes(error.suppressed), ...causes(error.error)]
    : [error];
}

// Not as steps: the load goes on between them, which a step would report as a leak.
Deno.test("the page works in a browser", async () => {
  assertEquals(chosen?.filter((name) => !(name in SHARED || name in ALONE)) ?? [], []);
  await using fixture = await startFixture();
  const failed: string[] = [];
  const errors: unknown[] = [];
  const run = async ([name, check]: readonly [string, Check]) => {
    const began = performance.now();
    try {
      await check(fixture);
    } catch (error) {
      failed.push(name);
      errors.push(error);
      for (const one of causes(error)) console.error(one);
      console.error(fixture.api.output.slice(-LOG_LENGTH));
    }
    console.log(`${name}: ${Math.round(performance.now() - began)} ms`);
  };
  const waiting = select(SHARED);
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await run(next);
  }));
  for (const one of select(ALONE)) await run(one);
  if (failed.length > 0) throw new AggregateError(errors, failureOf(failed));
});
