import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ASSETS } from "../../../../api/page/assets/embedded.ts";
import { ALL_RIGHTS, Caller } from "../../../../api/access/caller.ts";
import { AuditCounter } from "../../../../api/access/audit_counter.ts";
import { KeySnapshot } from "../../../../api/access/key_snapshot.ts";
import { KeyStore } from "../../../../api/access/key_store.ts";
import { BUCKETS } from "../../../../shared/series/histogram.ts";
import { SYSTEM_CLOCK } from "../../../../shared/runtime/clock.ts";
import { createFixture, type Fixture, MemoryAudit } from "../fixture.ts";
import { keyedFixture, testKey } from "../access/keys.ts";

const HTML = { accept: "text/html,application/xhtml+xml,*/*;q=0.8" };

const get = (fixture: Fixture, path: string, headers: Record<string, string> = {}) =>
  fixture.app.request(path, { headers: { ...HTML, ...headers } });

/** A form of the page, as a browser sends it. */
function submit(
  fixture: Fixture,
  path: string,
  fields: Record<string, string> = {},
  headers: Record<string, string> = {},
) {
  return fixture.app.request(path, {
    method: "POST",
    body: new URLSearchParams(fields),
    headers: { ...HTML, "sec-fetch-site": "same-origin", ...headers },
  });
}

const cookieOf = (answer: Response) => answer.headers.get("set-cookie")!.split(";")[0]!;

Deno.test("pages load nothing from elsewhere and forbid inline scripts", async () => {
  await using fixture = await createFixture();
  for (const path of ["/", "/tasks", "/sign-in"]) {
    const answer = await get(fixture, path);
    const text = await answer.text();
    assertEquals(answer.status, 200, path);
    assertEquals(
      answer.headers.get("content-security-policy"),
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    );
    assertEquals(answer.headers.get("cache-control"), "no-store");
    // What the policy refuses, or what htmx would compile.
    assert(!/<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|hx-on|js:/.test(text), path);
    for (const [, url = ""] of text.matchAll(/(?:src|href|action)="([^"]*)"/g)) {
      assert(/^[/#]|^data:/.test(url), `${path}: ${url}`);
    }
  }
});

Deno.test("the files of the page are kept forever under a name with their hash", async () => {
  await using fixture = await keyedFixture([]);
  for (const { file, body } of Object.values(ASSETS)) {
    const answer = await get(fixture, `/assets/${file}`);
    assertEquals([answer.status, await answer.text()], [200, body]);
    assertStringIncludes(answer.headers.get("cache-control")!, "immutable");
  }
  const missing = await get(fixture, "/assets/page-0000000000.js");
  assertEquals(missing.status, 404);
  await missing.body?.cancel();
});

Deno.test("the own script and style sheet stay small", async () => {
  const { style, script } = ASSETS;
  const sent = new Blob([style.body, script.body]).stream()
    .pipeThrough(new CompressionStream("gzip"));
  assert((await new Response(sent).bytes()).length < 12 * 1024);
});

Deno.test("open access is marked on every page, and only then", async () => {
  await using open = await createFixture();
  await using secured = await keyedFixture([]);
  assertStringIncludes(await (await get(open, "/tasks")).text(), 'class="open"');
  assert(!(await (await get(secured, "/sign-in")).text()).includes('class="open"'));
});

Deno.test("the settings of the page give links a base path and name the environment", async () => {
  await using fixture = await createFixture({
    page: { basePath: "/celeriac", environment: "<stage>" },
  });
  const text = await (await get(fixture, "/tasks")).text();
  assertStringIncludes(text, "Environment: &lt;stage&gt;");
  for (const [, url = ""] of text.matchAll(/(?:src|href|action)="(\/[^"]*)"/g)) {
    assert(url.startsWith("/celeriac/"), url);
  }
  assertStringIncludes(text, "http://localhost/celeriac/v1/tasks/add");
  const reference = await (await get(fixture, "/docs")).text();
  assertStringIncludes(reference, "http://localhost/celeriac/v1/tasks/add");
  const problem = await get(fixture, "/problems/no-record");
  assertEquals(problem.headers.get("location"), "/celeriac/docs#problem-no-record");
});

Deno.test("without a session a browser is led to the page to sign in, and back", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const refused = await get(fixture, "/tasks?q=state%3Afailure");
  assertEquals(
    [refused.status, refused.headers.get("location")],
    [303, "/sign-in?next=%2Ftasks%3Fq%3Dstate%253Afailure"],
  );
  const signedIn = await submit(fixture, "/sign-in", {
    key: `${key.token}\n`,
    next: "/tasks?q=state%3Afailure",
  });
  assertEquals([signedIn.status, signedIn.headers.get("location")], [
    303,
    "/tasks?q=state%3Afailure",
  ]);
  const page = await get(fixture, "/tasks", { cookie: cookieOf(signedIn) });
  assertEquals(page.status, 200);
  assertStringIncludes(await page.text(), "Signed in as test");
  const part = await get(fixture, "/tasks/a", { "hx-request": "true" });
  assertEquals(part.headers.get("hx-redirect"), "/sign-in");
});

Deno.test("the session is a __Host- cookie, except on loopback without TLS", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const cases: [origin: string, name: string, secure: boolean][] = [
    ["http://localhost", "celeriac=", false],
    ["http://127.0.0.1:8000", "celeriac=", false],
    ["https://localhost", "__Host-celeriac=", true],
    ["http://tasks.example", "__Host-celeriac=", true],
  ];
  for (const [origin, name, secure] of cases) {
    const answer = await submit(fixture, `${origin}/sign-in`, { key: key.token });
    const cookie = answer.headers.get("set-cookie")!;
    assert(cookie.startsWith(name + key.token), cookie);
    for (const attribute of ["Path=/", "HttpOnly", "SameSite=Strict"]) {
      assertStringIncludes(cookie, attribute);
    }
    assertEquals(cookie.includes("Secure"), secure, origin);
    assert(!cookie.includes("Domain"), cookie);
    const plain = await get(fixture, `${origin}/tasks`, { cookie: `celeriac=${key.token}` });
    assertEquals(plain.status, secure ? 303 : 200, origin);
  }
});

Deno.test("the session is a __Host- cookie behind a proxy that sends its own address as the host", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const answer = await submit(fixture, "http://127.0.0.1:8000/sign-in", { key: key.token }, {
    origin: "https://tasks.example",
  });
  assert(/^__Host-celeriac=.*; Secure/.test(answer.headers.get("set-cookie")!));
  const page = await get(fixture, "http://127.0.0.1:8000/tasks", { cookie: cookieOf(answer) });
  assertEquals(page.status, 200);
  await page.body?.cancel();
});

Deno.test("the session comes before a password that the browser repeats", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  fixture.records.put({ id: "waiting", name: "ping" });
  const answer = await submit(fixture, "/tasks/waiting/cancel", {}, {
    cookie: `celeriac=${key.token}`,
    authorization: `Basic ${btoa(`:${testKey().token}`)}`,
  });
  assertEquals(answer.headers.get("location"), "/tasks/waiting?done=cancelled");
});

Deno.test("with a session no response may be kept by a shared cache", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const cookie = `celeriac=${key.token}`;
  for (const path of ["/v1/events/types", "/", "/v1/tasks"]) {
    const answer = await get(fixture, path, { cookie, accept: "application/json" });
    assertEquals([answer.status, answer.headers.get("cache-control")], [200, "no-store"], path);
    await answer.body?.cancel();
  }
});

Deno.test("a wrong key starts no session, and is counted", async () => {
  await using fixture = await keyedFixture([testKey()]);
  const answer = await submit(fixture, "/sign-in", { key: testKey().token });
  assertEquals([answer.status, answer.headers.get("set-cookie")], [401, null]);
  assertStringIncludes(await answer.text(), "Cannot sign in because its key is unknown");
  await fixture.counter.stop();
  assertEquals(
    fixture.audit.counted.map(({ caller, action, status }) => [caller, action, status]),
    [["unauthenticated", "POST /sign-in", 401]],
  );
});

Deno.test("with a session only a page of the same origin may change something", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  fixture.records.put({ id: "waiting", name: "ping" });
  const cookie = `celeriac=${key.token}`;
  for (const site of ["cross-site", "same-site", "none", undefined]) {
    const answer = await fixture.app.request("/tasks/waiting/cancel", {
      method: "POST",
      headers: { ...HTML, cookie, ...(site && { "sec-fetch-site": site }) },
    });
    assertEquals(answer.status, 403, site);
    await answer.body?.cancel();
  }
  assertEquals(fixture.records.records.get("waiting")?.state, "PENDING");
  const answer = await submit(fixture, "/tasks/waiting/cancel", {}, { cookie });
  assertEquals([answer.status, answer.headers.get("location")], [
    303,
    "/tasks/waiting?done=cancelled",
  ]);
  assertEquals(fixture.records.records.get("waiting")?.state, "REVOKED");
});

Deno.test("signing in from a page of another site is refused", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const answer = await submit(fixture, "/sign-in", { key: key.token }, {
    "sec-fetch-site": "cross-site",
  });
  assertEquals([answer.status, answer.headers.get("set-cookie")], [403, null]);
  await answer.body?.cancel();
});

Deno.test("a JWT that no cookie can hold is refused with the reason", async () => {
  const jwt = { verify: () => Promise.resolve(new Caller("jwt:ada", "ada", ALL_RIGHTS)) };
  await using fixture = await keyedFixture([], { access: { jwt } });
  const token = (length: number) => `eyJ.${"a".repeat(length)}.b`;
  const signedIn = await submit(fixture, "/sign-in", { key: token(3900) });
  assertEquals([signedIn.status, signedIn.headers.get("location")], [303, "/"]);
  const refused = await submit(fixture, "/sign-in", { key: token(4100) });
  assertEquals([refused.status, refused.headers.get("set-cookie")], [422, null]);
  assertStringIncludes(
    await refused.text(),
    "Cannot sign in because it is too long for the cookie of a session",
  );
});

Deno.test("signing out ends the session", async () => {
  await using fixture = await keyedFixture([]);
  const answer = await submit(fixture, "/sign-out");
  assertEquals(answer.headers.get("location"), "/sign-in");
  assertStringIncludes(answer.headers.get("set-cookie")!, "celeriac=; Max-Age=0");
});

Deno.test("no form leads to another site", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  for (const next of ["//evil.example", "https://evil.example", "/\\evil.example", "/\tx", "x"]) {
    for (const path of ["/sign-in", "/preferences"]) {
      const answer = await submit(fixture, path, { key: key.token, next });
      assertEquals([answer.status, answer.headers.get("location")], [422, null], next);
      await answer.body?.cancel();
    }
  }
});

Deno.test("language, theme and zone are preferences; the language defaults to the browser's", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "a", name: "ping", submittedAt: new Date("2026-11-30T00:00:00Z") });
  const english = await (await get(fixture, "/tasks")).text();
  assertStringIncludes(english, '<html lang="en" data-theme="auto"');
  assertStringIncludes(
    english,
    '<time datetime="2026-11-30T00:00:00.000Z">2026-11-30 09:00:00 GMT+9',
  );
  const korean = await (await get(fixture, "/tasks", { "accept-language": "ko-KR,en;q=0.5" }))
    .text();
  assertStringIncludes(korean, "<title>작업 ·");
  const stored = await submit(fixture, "/preferences", {
    language: "ko",
    theme: "dark",
    zone: "UTC",
    next: "/tasks",
  });
  assertEquals(stored.headers.get("location"), "/tasks");
  const cookie = stored.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
  const chosen = await (await get(fixture, "/tasks", { cookie })).text();
  assertStringIncludes(chosen, '<html lang="ko" data-theme="dark" data-zone="UTC"');
  assertStringIncludes(chosen, "00:00:00 UTC");
  const refused = await submit(fixture, "/preferences", { theme: "pink" });
  assertEquals(refused.status, 422);
  await refused.body?.cancel();
});

Deno.test("an error is a page for a browser and a problem for a program", async () => {
  await using fixture = await createFixture();
  const page = await get(fixture, "/tasks/unknown");
  assertEquals([page.status, page.headers.get("content-type")], [404, "text/html; charset=UTF-8"]);
  assertStringIncludes(await page.text(), "Cannot find a record of task &#39;unknown&#39;");
  const problem = await fixture.app.request("/tasks/unknown");
  assertEquals([problem.status, (await problem.json()).type], [404, "/problems/no-record"]);
});

Deno.test("the menu shows what the key may read", async () => {
  const key = testKey({ scopes: ["reference:read"] });
  await using fixture = await keyedFixture([key]);
  const text = await (await get(fixture, "/", { cookie: `celeriac=${key.token}` })).text();
  const [, menu = ""] = /<nav[^>]*>([^]*?)<\/nav>/.exec(text) ?? [];
  assertEquals([...menu.matchAll(/href="([^"]*)"/g)].map(([, path]) => path), ["/", "/docs"]);
  const refused = await get(fixture, "/tasks", { cookie: `celeriac=${key.token}` });
  assertEquals(refused.status, 403);
  assertStringIncludes(await refused.text(), "lacks the scope &#39;tasks:read&#39;");
});

Deno.test("a session that has ended is removed, also in an open API", async () => {
  const { token } = testKey();
  const cookie = `celeriac=${token}`;
  await using secured = await keyedFixture([]);
  const ended = await get(secured, "/tasks", { cookie });
  assertEquals(ended.headers.get("location"), "/sign-in?next=%2Ftasks");
  assertStringIncludes(ended.headers.get("set-cookie")!, "celeriac=; Max-Age=0");
  const store = { checked: () => Promise.resolve([]), touch: () => Promise.resolve() };
  const audit = new MemoryAudit();
  await using open = await createFixture({}, {
    access: {
      keys: new KeyStore({ database: { query: () => Promise.resolve([]) } }),
      snapshot: new KeySnapshot({ store, clock: SYSTEM_CLOCK }),
      audit,
      counter: new AuditCounter({ audit }),
    },
  });
  const leftOver = await get(open, "/tasks?q=a", { cookie });
  assertEquals([leftOver.status, leftOver.headers.get("location")], [303, "/tasks?q=a"]);
  assertStringIncludes(leftOver.headers.get("set-cookie")!, "celeriac=; Max-Age=0");
});

Deno.test("the overview shows failed, running and latest tasks, without an id twice", async () => {
  await using fixture = await createFixture();
  fixture.records.put({ id: "bad", name: "add", state: "FAILURE" });
  fixture.records.put({ id: "run", name: "ping", state: "STARTED" });
  const text = await (await get(fixture, "/")).text();
  for (const part of ["Needs attention", 'href="/tasks/bad"', 'href="/tasks/run"']) {
    assertStringIncludes(text, part);
  }
  for (const path of ["/", "/tasks", "/tasks/bad", "/sign-in"]) {
    const page = await (await get(fixture, path)).text();
    const ids = [...page.matchAll(/\sid="([^"]*)"/g)].map(([, id]) => id);
    assertEquals(ids.length, new Set(ids).size, path);
  }
});

Deno.test("the overview counts failed tasks by error, and links to them", async () => {
  const reader = testKey();
  const watcher = testKey({ scopes: ["tasks:read", "reference:read"] });
  await using fixture = await keyedFixture([reader, watcher]);
  const errors = ["TypeError", "ValueError", "TypeError", 'odd "one"', "two words"];
  for (const [index, exc_type] of errors.entries()) {
    const exception = { exc_type, exc_message: ["why"], exc_module: "builtins" };
    fixture.records.put({ id: `bad-${index}`, name: "add", state: "FAILURE", exception });
  }
  const pageFor = async (key: typeof reader, path: string) => {
    const answer = await get(fixture, path, { cookie: `celeriac=${key.token}` });
    return (await answer.text()).replaceAll("&amp;", "&").replaceAll(/\s+/g, " ");
  };
  const text = await pageFor(reader, "/");
  const [table = ""] = /Most frequent errors.*?<\/table>/s.exec(text) ?? [];
  const rows = [...table.matchAll(/<td data-title="Failed tasks">(\d+)<\/td>/g)];
  assertEquals(rows.map(([, count]) => count), ["2", "1", "1", "1"]);
  const links = [...table.matchAll(/href="([^"]*)"/g)].map(([, path]) => path!);
  const link = "/tasks?q=state%3Afailure+error%3ATypeError+since%3A1h";
  assertEquals(links.slice(0, 1), [link]);
  // A quote cannot be part of a condition.
  assertEquals(links.length, 3);
  const found = await pageFor(reader, link);
  assertEquals([...found.matchAll(/<tr data-row/g)].length, 2);
  assertEquals([...(await pageFor(reader, links[1]!)).matchAll(/<tr data-row/g)].length, 1);
  const hidden = await pageFor(watcher, "/");
  assert(!hidden.includes("TypeError") && hidden.includes("Latest failed tasks"));
  assertEquals([...(await pageFor(watcher, link)).matchAll(/<tr data-row/g)].length, 0);
});

Deno.test("the overview shows the oldest waiting task with its age, and charts of the last hour", async () => {
  const now = new Date("2026-01-01T12:00:30Z");
  const none = { counts: Array(BUCKETS).fill(0), sum: 0 };
  const counts = { succeeded: 6, failed: 0, retried: 0, rejected: 0, revoked: 0 };
  const at = new Date("2026-01-01T11:55:00Z");
  const entry = { at, task: "", queue: "", ...counts, runs: none, waits: none };
  let entries = [entry];
  const series = {
    store: { read: () => Promise.resolve(entries) },
    depths: { read: () => Promise.resolve([]) },
  };
  await using fixture = await createFixture({}, { series, clock: { now: () => now } });
  const queue = "celeriac.text";
  const first = new Date("2026-01-01T11:00:00Z");
  fixture.records.put({ id: "newer", name: "ping", submittedAt: now });
  fixture.records.put({ id: "oldest", name: "text.shout", queue, submittedAt: first });
  const text = await (await get(fixture, "/")).text();
  const oldest = text.slice(text.indexOf("Oldest waiting task"), text.indexOf("Latest tasks"));
  for (const part of ['href="/tasks/oldest"', queue, "1 h", "/tasks?q=state%3Apending"]) {
    assertStringIncludes(oldest, part);
  }
  assertEquals(oldest.includes("/tasks/newer"), false);
  assertEquals(text.match(/<figure class="chart">/g)?.length, 3);
  assertStringIncludes(text, '<td data-value="6">6</td>');
  assertEquals(text.match(/\/assets\/uplot[^"]*\.js/g)?.length, 1);
  entries = [];
  const quiet = await (await get(fixture, "/")).text();
  assertStringIncludes(quiet, "No task ended in this time range.");
  assertEquals(quiet.includes("/assets/uplot"), false);
  entries = Array(50_001).fill(entry);
  const busy = await get(fixture, "/");
  assertEquals(busy.status, 200);
  assertEquals((await busy.text()).includes('class="chart"'), false);
});
