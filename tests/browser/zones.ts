/** Time zones, languages and themes by the reader's choice. */
import { assertEquals, assertMatch } from "@std/assert";
import type { Page } from "playwright-core";
import { type Check, taskPath } from "./fixture.ts";

/** Chooses a preference in the form of the page. */
async function choose(page: Page, name: string, value: string): Promise<void> {
  await page.locator(".preferences summary").click();
  await page.locator(`.preferences select[name="${name}"]`).selectOption(value);
  await Promise.all([
    page.waitForEvent("load"),
    page.locator(".preferences form button").click(),
  ]);
}

/** Checks of this file. */
export const zoneChecks: Readonly<Record<string, Check>> = {
  async "times are in the zone of the settings, in UTC or in that of the browser"(fixture) {
    const task = await fixture.submit("test.echo", { value: 1 });
    await fixture.pipeline.final(task.id);
    for (const javaScriptEnabled of [true, false]) {
      await using opened = await fixture.open({
        path: taskPath(task),
        timezoneId: "America/New_York",
        javaScriptEnabled,
      });
      const time = opened.page.locator("time").first();
      const instant = await time.getAttribute("datetime");
      const shown = async (zone: RegExp) => {
        const text = await time.innerText();
        assertMatch(text, zone);
        // The text means the instant, to the second.
        const [, day, clock, hours = "0"] = /^(\S+) (\S+) (?:GMT|UTC)([+−-]\d+)?$/.exec(text) ?? [];
        const offset = Number(hours.replace("−", "-"));
        const utc = Date.parse(`${day}T${clock}Z`) - offset * 3_600_000;
        assertEquals(utc, Math.floor(Date.parse(instant!) / 1000) * 1000);
      };
      await shown(/ GMT\+9$/);
      await choose(opened.page, "zone", "UTC");
      await shown(/ UTC$/);
      await choose(opened.page, "zone", "browser");
      await shown(javaScriptEnabled ? / GMT[−-][45]$/ : / UTC$/);
      await choose(opened.page, "zone", "default");
      await shown(/ GMT\+9$/);
    }
  },

  async "language and theme are kept for the next visit"({ open, url }) {
    await using opened = await open({ path: "/tasks", locale: "ko-KR" });
    const { page } = opened;
    const root = page.locator("html");
    assertEquals(await root.getAttribute("lang"), "ko");
    await choose(page, "language", "en");
    await choose(page, "theme", "dark");
    assertEquals(new URL(page.url()).pathname, "/tasks");
    await page.goto(`${url}/audit`);
    assertEquals(await root.getAttribute("lang"), "en");
    assertEquals(
      await page.evaluate("getComputedStyle(document.documentElement).colorScheme"),
      "dark",
    );
    assertEquals(await page.locator("h1").innerText(), "Audit log");
  },
};
