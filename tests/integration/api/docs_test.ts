import { assert, assertEquals } from "@std/assert";
import { startBrowser } from "../../support/browser.ts";
import { createFixture } from "./fixture.ts";

Deno.test("the reference page renders in a browser without external requests or errors", async () => {
  const token = "right-token-of-old";
  await using fixture = await createFixture({ apiToken: token });
  const browser = await startBrowser();
  try {
    const page = await (await browser.newContext()).newPage();
    const requests: string[] = [];
    const errors: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => errors.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => errors.push(error.message));
    await page.goto(`${fixture.url}/`, { waitUntil: "networkidle" });
    assertEquals(page.url(), `${fixture.url}/sign-in?next=%2F`);
    await page.locator("#key").fill(token);
    await page.locator("main button").click();
    await page.waitForURL(`${fixture.url}/`);
    await page.getByRole("link", { name: "add", exact: true }).click();
    await page.waitForURL(`${fixture.url}/docs#submit.add`);
    await page.waitForLoadState("networkidle");
    assertEquals(
      requests.filter((url) => !url.startsWith(`${fixture.url}/`) && !url.startsWith("data:")),
      [],
    );
    assertEquals(errors, []);
    assertEquals(await page.locator("h1").textContent(), "Celeriac");
    const styled = await page.evaluate(
      "getComputedStyle(document.querySelector('nav')).position",
    );
    assertEquals(styled, "sticky");
    await page.getByRole("link", { name: "add", exact: true }).click();
    assert(page.url().endsWith("#submit.add"));
    assert(await page.getByText(`curl -X POST '${fixture.url}/v1/tasks/add'`).isVisible());

    await page.setViewportSize({ width: 375, height: 700 });
    for (const path of ["/", "/docs"]) {
      await page.goto(fixture.url + path);
      const width = await page.evaluate("document.documentElement.scrollWidth");
      assertEquals(width, 375, `${path} scrolls sideways on a phone`);
    }
    assertEquals(errors, []);
  } finally {
    await browser.close();
  }
});
