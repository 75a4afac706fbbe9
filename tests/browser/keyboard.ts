/** Keys and the order of focus. */
import { assert, assertEquals } from "@std/assert";
import type { Page } from "playwright-core";
import { type Check, taskPath } from "./fixture.ts";

const pathOf = (page: Page) => new URL(page.url()).pathname;

/** Text of the focused element. */
function focused(page: Page): Promise<string> {
  return page.evaluate<string>(
    "(document.activeElement.innerText || document.activeElement.id).trim()",
  );
}

/** Checks of this file. */
export const keyboardChecks: Readonly<Record<string, Check>> = {
  async "keys select rows, open them and search"({ open, submit, pipeline }) {
    const labels = { of: "keys" };
    for (let count = 0; count < 3; count++) {
      const { id } = await submit("test.echo", { value: count }, { labels });
      await pipeline.final(id);
    }
    await using opened = await open({ path: "/tasks?q=label.of%3Akeys" });
    const { page } = opened;
    const selected = () =>
      page.locator("tr[data-row]").evaluateAll((rows) =>
        rows.findIndex((row) => row.hasAttribute("data-selected"))
      );
    assertEquals(await selected(), -1);
    for (const [key, row] of [["j", 0], ["j", 1], ["k", 0], ["k", 0], ["j", 1]] as const) {
      await page.keyboard.press(key);
      assertEquals(await selected(), row, key);
    }
    const id = await page.locator("tr[data-selected] code").textContent();
    await page.keyboard.press("Enter");
    await page.waitForURL(`**/tasks/${id}`);
    await page.goBack();

    await page.keyboard.press("/");
    assertEquals(await focused(page), "filter");
    await page.keyboard.type("gt j?");
    assertEquals(await page.locator("#filter").inputValue(), "gt j?");
    assertEquals([pathOf(page), await selected()], ["/tasks", -1]);
    await page.keyboard.press("Escape");
    assertEquals(await page.evaluate("document.activeElement === document.body"), true);

    const before = await page.evaluate("performance.timeOrigin");
    await Promise.all([page.waitForEvent("load"), page.keyboard.press("r")]);
    assert(await page.evaluate("performance.timeOrigin") !== before);
  },

  async "keys go to pages, change the theme and show themselves"({ open, submit }) {
    await using opened = await open();
    const { page } = opened;
    for (
      const [key, path] of Object.entries({
        t: "/tasks",
        s: "/schedules",
        q: "/queues",
        w: "/workers",
      })
    ) {
      await page.keyboard.press("g");
      await page.keyboard.press(key);
      await page.waitForURL(`**${path}`);
    }
    const theme = () => page.locator("html").getAttribute("data-theme");
    const first = await theme();
    await Promise.all([page.waitForEvent("load"), page.keyboard.press("t")]);
    assert(await theme() !== first);
    assertEquals(pathOf(page), "/workers");

    await page.keyboard.press("?");
    const dialog = page.getByRole("dialog", { name: "Keyboard" });
    assert(await dialog.isVisible());
    await page.keyboard.press("g");
    await page.keyboard.press("t");
    await page.keyboard.press("Escape");
    assert(!await dialog.isVisible());
    assertEquals(pathOf(page), "/workers");

    const task = await submit("test.echo", { value: 1 }, { countdown: 3600 });
    await page.goto(new URL(taskPath(task), page.url()).href);
    await page.keyboard.press("c");
    assert(await page.getByRole("button", { name: "Cancel the task" }).isVisible());
  },

  async "focus goes from the link to the content through the menu to the page"({ open }) {
    await using opened = await open({ path: "/audit" });
    const { page } = opened;
    const texts: string[] = [];
    for (let count = 0; count < 3; count++) {
      await page.keyboard.press("Tab");
      texts.push(await focused(page));
    }
    assertEquals(texts, ["Skip to the content", "Celeriac", "Overview"]);
    await page.goto(page.url());
    await page.keyboard.press("Tab");
    await page.keyboard.press("Enter");
    assertEquals(await page.evaluate("document.activeElement.id"), "content");
    await page.keyboard.press("Tab");
    assertEquals(await page.evaluate("document.activeElement.name"), "caller");
  },
};
