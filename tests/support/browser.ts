/** Starts Chromium for tests of pages.
 * @module
 */
import { type Browser, chromium } from "playwright-core";
import { canInstall, installPackages } from "./packages.ts";

/** Paths of Chromium and compatible browsers. */
const BROWSERS = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Chromium.app/Contents/MacOS/Chromium",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Prevents a browser started by a test from contacting its vendor. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-lcd-text",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts a headless browser; the caller closes it.
 *
 * @throws if no browser is installed and none can be installed */
export async function startBrowser(): Promise<Browser> {
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
    throw new Error("Cannot test pages because no browser is installed: install Chromium");
  }
  return await chromium.launch({ executablePath, args: QUIET });
}
