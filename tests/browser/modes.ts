/** The page behind a proxy with TLS and a base path, and for readers with special needs. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { Page } from "playwright-core";
import { makeAuthority, makeCertificate } from "../support/certificates.ts";
import { eventually } from "../support/eventually.ts";
import { startApi } from "../support/roles.ts";
import { type Check, type Fixture, taskPath, TOKEN, violations } from "./fixture.ts";

const BASE = "/celeriac";

/** Headers of a connection, which a proxy does not pass on. */
const OF_CONNECTION = ["connection", "content-length", "host", "transfer-encoding"];

/** A proxy with TLS that publishes an API below the base path. */
interface Proxy extends AsyncDisposable {
  readonly url: string;
  /** Paths outside the base path that were requested. */
  readonly outside: readonly string[];
}

async function startProxy(target: string): Promise<Proxy> {
  const folder = await Deno.makeTempDir();
  await makeAuthority(folder);
  await makeCertificate(folder, "proxy", "localhost");
  const [cert, key] = await Promise.all(
    ["crt", "key"].map((type) => Deno.readTextFile(`${folder}/proxy.${type}`)),
  );
  await Deno.remove(folder, { recursive: true });
  const outside: string[] = [];
  const options = {
    hostname: "127.0.0.1",
    port: 0,
    cert: cert!,
    key: key!,
    onListen() {},
    onError: () => new Response(null, { status: 502 }), // for instance after the browser has left
  };
  const server = Deno.serve(options, async (request) => {
    const { pathname, search } = new URL(request.url);
    if (!pathname.startsWith(`${BASE}/`)) {
      outside.push(pathname);
      return new Response(null, { status: 404 });
    }
    const headers = new Headers(request.headers);
    for (const name of OF_CONNECTION) headers.delete(name);
    const body = request.method === "GET" ? null : await request.text();
    return await fetch(target + pathname.slice(BASE.length) + search, {
      method: request.method,
      headers,
      body,
      redirect: "manual",
      signal: request.signal,
    });
  });
  return {
    url: `https://localhost:${server.addr.port}`,
    outside,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Paths of the links, forms, files and live parts of a page. */
function pathsOn(page: Page): Promise<string[]> {
  return page.evaluate(`
    ["href", "src", "action", "hx-get", "hx-sse:connect"].flatMap((name) =>
      [...document.querySelectorAll("[" + CSS.escape(name) + "]")].map((one) => one.getAttribute(name))
    ).filter((path) => !/^(#|data:|https?:)/.test(path)).map((path) => new URL(path, location).pathname)
  `);
}

/** Uses the page behind the proxy as a reader does: signs in, follows the menu, sees a change, acts and signs out. */
async function useBehindProxy({ open, submit, pipeline }: Fixture, url: string): Promise<void> {
  const task = await submit("test.echo", { value: 1 }, { countdown: 3600 });
  await using opened = await open({
    url,
    path: `${BASE}/tasks?q=name%3Anone`,
    key: null,
    ignoreHTTPSErrors: true,
  });
  const { page, context } = opened;
  await page.locator("#key").fill(TOKEN);
  await page.locator("main button.primary").click();
  await page.waitForURL(`**${BASE}/tasks?q=name%3Anone`);
  const [cookie] = await context.cookies();
  assertEquals(
    [cookie?.name, cookie?.secure, cookie?.httpOnly, cookie?.sameSite, cookie?.path],
    ["__Host-celeriac", true, true, "Strict", "/"],
  );
  assertEquals(await page.evaluate("document.cookie"), "");

  const menu = await page.locator("nav a").evaluateAll((links) =>
    links.map((link) => (link as unknown as { href: string }).href)
  );
  assert(menu.length > 10, menu.join());
  for (const href of [...menu, `${url}${BASE}${taskPath(task)}`, `${url}${BASE}/try/test.echo`]) {
    await page.goto(href);
    const wrong = (await pathsOn(page)).filter((path) => !path.startsWith(`${BASE}/`));
    assertEquals(wrong, [], href);
    // The lines to paste.
    const text = await page.locator("body").innerText();
    assertEquals(text.match(/https?:\/\/[\w.:]+\/(?!celeriac\/)\S*/g), null, href);
  }

  const stream = page.waitForRequest(`**${BASE}${taskPath(task)}/changes`);
  await page.goto(`${url}${BASE}${taskPath(task)}`);
  await stream;
  await page.locator(".action summary").first().click();
  await page.getByRole("button", { name: "Cancel the task" }).click();
  await page.locator(".notice", { hasText: "The task is revoked." }).waitFor();
  assertEquals((await pipeline.final(task.id)).state, "REVOKED");
  await page.locator(".account button").click();
  await page.waitForURL(`**${BASE}/sign-in`);
  assertEquals(await context.cookies(), []);
}

/** Checks of this file. */
export const modeChecks: Readonly<Record<string, Check>> = {
  async "behind a proxy with TLS and a base path, every link works and the session is a __Host- cookie"(
    fixture,
  ) {
    const { api, url } = await startApi({
      env: { ...fixture.env, CELERIAC_UI_BASE_PATH: BASE },
    });
    await using stack = new AsyncDisposableStack();
    stack.use(api);
    const proxy = stack.use(await startProxy(url));
    await useBehindProxy(fixture, proxy.url);
    assertEquals(proxy.outside, []);
  },

  async "the environment is named on every page, also to whom has not signed in"({ open }) {
    await using opened = await open({ path: "/sign-in", key: null });
    assertStringIncludes(
      await opened.page.locator(".environment").innerText(),
      "tests of the page",
    );
  },

  async "nothing moves for readers who want less motion"({ open }) {
    await using opened = await open({ path: "/tasks", reducedMotion: "reduce" });
    const { page } = opened;
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
    const moving = await page.evaluate(`
      [...document.querySelectorAll("*")].filter((one) => ["", "::before", "::after", "::backdrop"].some((part) => {
        const { transitionDuration, animationName, scrollBehavior } = getComputedStyle(one, part || null);
        return !/^0s(, 0s)*$/.test(transitionDuration) || animationName !== "none" || scrollBehavior !== "auto";
      })).map((one) => one.outerHTML.slice(0, 100))
    `);
    assertEquals(moving, []);
    assertEquals(await page.evaluate("document.getAnimations().length"), 0);
  },

  async "with the colours of the system, states, marks and focus keep their outlines"(
    { open, submit, pipeline, url },
  ) {
    const { id } = await submit("test.fail", { message: "no" });
    await pipeline.final(id);
    await using opened = await open({ path: "/tasks?q=state%3Afailure", forcedColors: "active" });
    const { page } = opened;
    assertEquals(await violations(page), []);
    const widths = await page.evaluate(`
      [".state", ".environment", "main button", ".preferences summary"].map((one) =>
        one + " " + parseFloat(getComputedStyle(document.querySelector(one)).borderTopWidth))
    `) as string[];
    assertEquals(widths.filter((one) => one.endsWith(" 0")), []);
    const outline = (selector: string) =>
      page.evaluate<string>(
        `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).outlineStyle`,
      );
    assertEquals(await outline("nav a[aria-current]"), "solid");
    await page.keyboard.press("j");
    await eventually("a marked row", async () => await outline("tr[data-selected]") === "solid");
    await page.keyboard.press("Shift+Tab");
    assert(await outline(":focus-visible") !== "none");
    await page.goto(`${url}/charts?queue=celeriac.other`);
    assertEquals(await violations(page), []);
  },
};
