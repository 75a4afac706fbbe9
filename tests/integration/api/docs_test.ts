import { assert, assertEquals } from "@std/assert";
import { type Browser, chromium } from "playwright-core";
import { canInstall, installPackages } from "../../support/packages.ts";
import { ground } from "./ground.ts";

/** Where Chromium and its kin are. */
const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Keeps a browser that is started for a test from calling home. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

async function startBrowser(): Promise<Browser> {
  const found = async () => {
    for (const path of BROWSERS) {
      if (await Deno.stat(path).then(() => true, () => false)) return path;
    }
  };
  let executablePath = await found();
  if (!executablePath && await canInstall()) {
    await installPackages(["chromium"], AbortSignal.timeout(300_000));
    executablePath = await found();
  }
  if (!executablePath) {
    throw new Error("Cannot look at the reference page as no browser is here: install Chromium");
  }
  return await chromium.launch({ executablePath, args: QUIET });
}

Deno.test("the reference page shows in a browser without a request elsewhere and without an error", async () => {
  const token = "right-token-of-old";
  await using home = await ground({ apiToken: token });
  const browser = await startBrowser();
  try {
    const context = await browser.newContext({
      httpCredentials: { username: "me", password: token },
    });
    const page = await context.newPage();
    const requests: string[] = [];
    const errors: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    page.on("console", (message) => errors.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => errors.push(error.message));
    const answer = await page.goto(`${home.url}/`, { waitUntil: "networkidle" });

    assertEquals([answer?.status(), page.url()], [200, `${home.url}/docs`]);
    assertEquals(
      requests.filter((url) => !url.startsWith(`${home.url}/`) && !url.startsWith("data:")),
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
    assert(await page.getByText(`curl -X POST '${home.url}/v1/tasks/add'`).isVisible());
  } finally {
    await browser.close();
  }
});
