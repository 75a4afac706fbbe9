/** Chromium, to see pages as people do.
 * @module
 */
import { type Browser, chromium } from "playwright-core";
import { canInstall, installPackages } from "./packages.ts";

/** Where Chromium and its kin are. */
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
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts a browser without a window; close it in the end.
 *
 * @throws when there is none and none can be installed */
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
    throw new Error("Cannot look at pages because no browser is here: install Chromium");
  }
  return await chromium.launch({ executablePath, args: QUIET });
}
