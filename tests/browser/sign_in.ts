/** Signing in and out, and what a key may see. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { eventually } from "../support/eventually.ts";
import { type Check, COOKIE, type Fixture, TOKEN } from "./fixture.ts";

/** Creates a key. @returns its token */
async function createKey({ call }: Fixture, scopes: string[], more: object = {}): Promise<string> {
  const { token } = await call<{ token: string }>("POST", "/v1/keys", {
    name: "of a test",
    scopes,
    ...more,
  });
  return token;
}

/** Fills the form of the page to sign in. */
async function signIn(page: Page, key: string): Promise<void> {
  await page.locator("#key").fill(key);
  await page.locator("main button.primary").click();
}

/** The paths in the menu. */
function menuOf(page: Page): Promise<string[]> {
  return page.locator("nav a").evaluateAll((links) =>
    links.map((link) => (link as unknown as { pathname: string }).pathname)
  );
}

/** Checks of this file. */
export const signInChecks: Readonly<Record<string, Check>> = {
  async "a wrong key is refused in words, and the right one leads back to the page"(fixture) {
    for (const javaScriptEnabled of [true, false]) {
      await using opened = await fixture.open({
        path: "/tasks?q=state%3Afailure",
        key: null,
        expected: [401],
        javaScriptEnabled,
      });
      const { page, context } = opened;
      assertStringIncludes(page.url(), "/sign-in?next=%2Ftasks%3Fq");
      await signIn(page, `celk_${"0".repeat(50)}`);
      assertMatch(await page.getByRole("alert").innerText(), /^Cannot sign in because .+\.$/);
      assertEquals(await context.cookies(), []);
      await signIn(page, TOKEN);
      await page.waitForURL("**/tasks?q=state%3Afailure");
      const [cookie] = await context.cookies();
      assertEquals(
        [cookie?.name, cookie?.httpOnly, cookie?.sameSite, cookie?.path, cookie?.expires],
        [COOKIE, true, "Strict", "/", -1],
      );
      assertEquals(await page.evaluate("document.cookie"), "");
      await page.locator(".account button").click();
      await page.waitForURL("**/sign-in");
      assertEquals(await context.cookies(), []);
      await page.goto(`${fixture.url}/tasks`);
      assertStringIncludes(page.url(), "/sign-in?next=%2Ftasks");
    }
  },

  async "a session ends with its key, and an expired key is refused in words"(fixture) {
    const key = await createKey(fixture, ["tasks:read"], { expires_in: 3 });
    await using opened = await fixture.open({ path: "/tasks", key, expected: [401] });
    const { page } = opened;
    await eventually("the end of the session", async () => {
      await page.goto(`${fixture.url}/tasks`);
      return new URL(page.url()).pathname === "/sign-in";
    });
    await signIn(page, key);
    assertStringIncludes(await page.getByRole("alert").innerText(), "expired");
  },

  async "a key sees the pages of its scopes, and is refused the others in words"(fixture) {
    const key = await createKey(fixture, ["tasks:read"]);
    const task = await fixture.submit("test.echo", { value: "a secret" });
    await fixture.pipeline.final(task.id);
    await using opened = await fixture.open({ path: "/tasks", key, expected: [403] });
    const { page } = opened;
    assertEquals(await menuOf(page), ["/tasks", "/jobs", "/workflows", "/charts", "/pauses"]);
    await page.goto(`${fixture.url}/keys`);
    assertStringIncludes(await page.getByRole("alert").innerText(), "keys:read");
    await page.goto(`${fixture.url}/tasks/${task.id}`);
    const text = await page.locator("main").innerText();
    assertStringIncludes(text, "tasks:read-data");
    assert(!text.includes("a secret"), text);
    assertEquals(await page.locator(".action").count(), 0);
  },
};
