/** The page in a browser: one pipeline under load and one browser for all checks of this folder.
 * @module
 */
import { actionChecks } from "./actions.ts";
import { charts } from "./charts.ts";
import { everyPage } from "./every_page.ts";
import { type Check, startFixture } from "./fixture.ts";
import { filterChecks } from "./filters.ts";
import { idleChecks } from "./idle.ts";
import { keyboardChecks } from "./keyboard.ts";
import { liveChecks } from "./live.ts";
import { markupChecks } from "./markup.ts";
import { signInChecks } from "./sign_in.ts";
import { zoneChecks } from "./zones.ts";
import { why } from "./why.ts";

/** Checks by their names. */
const CHECKS: Readonly<Record<string, Check>> = {
  ...everyPage,
  ...signInChecks,
  ...actionChecks,
  ...liveChecks,
  ...keyboardChecks,
  ...filterChecks,
  ...zoneChecks,
  ...markupChecks,
  ...idleChecks,
  ...why,
  ...charts,
};

// Not as steps: the load goes on between them, which a step would report as a leak.
Deno.test("the page works in a browser", async () => {
  await using fixture = await startFixture();
  const failed: string[] = [];
  const errors: unknown[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const began = performance.now();
    try {
      await check(fixture);
    } catch (error) {
      failed.push(name);
      errors.push(error);
      console.error(error);
    }
    console.log(`${name}: ${Math.round(performance.now() - began)} ms`);
  }
  if (failed.length > 0) throw new AggregateError(errors, `Failed: ${failed.join("; ")}`);
});
