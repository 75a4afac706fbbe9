import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { ROUTE_SCOPES } from "../../../../api/access/route_scopes.ts";
import { PAGE_SCOPES } from "../../../../api/access/page_scopes.ts";
import { createFixture } from "../fixture.ts";
import { bearer, keyedFixture, ROOT_TOKEN } from "../access/keys.ts";

const READ_ONLY = { page: { readOnly: true } };
const SESSION = { cookie: `celeriac=${ROOT_TOKEN}`, "sec-fetch-site": "same-origin" };

/** Routes of the page that change nothing but the browser's own cookies. */
const OWN = ["POST /sign-in", "POST /sign-out", "POST /preferences"];

Deno.test("a read-only page refuses each of its changes, whatever the reader's rights are", async () => {
  await using fixture = await keyedFixture([], { settings: READ_ONLY });
  const posts = Object.keys(PAGE_SCOPES).filter((route) =>
    route.startsWith("POST ") && route !== "POST /tasks:bulk" // only counts
  );
  assert(posts.length > 15);
  for (const route of posts) {
    if (OWN.includes(route)) continue;
    const path = route.slice("POST ".length).replaceAll(/(?<=\/):\w+/g, "a");
    const answer = await fixture.app.request(path, {
      method: "POST",
      body: new URLSearchParams(),
      headers: { ...SESSION, accept: "text/html" },
    });
    assertEquals(answer.status, 403, route);
    const text = await answer.text();
    assertStringIncludes(text, "the page is read-only (CELERIAC_UI_READ_ONLY)");
    assertStringIncludes(text, "Read-only");
  }
  assertEquals(fixture.audit.entries, []);
});

Deno.test("a read-only page shows no actions and says that it is read-only", async () => {
  await using fixture = await createFixture(READ_ONLY);
  const record = { id: "a", name: "ping", input: '{"args":[],"kwargs":{}}' };
  fixture.records.put({ ...record, state: "FAILURE" });
  const text = async (path: string) =>
    await (await fixture.app.request(path, { headers: { accept: "text/html" } })).text();
  const page = await text("/tasks/a");
  assertStringIncludes(page, "Read-only");
  assert(!page.includes('action="/tasks/a'));
  assert(!page.includes('href="/try'));
  assertStringIncludes(await text("/try/ping"), "the page is read-only");
});

Deno.test("a read-only page refuses changes through the API with a session, but not with a key", async () => {
  await using fixture = await keyedFixture([], { settings: READ_ONLY });
  const submit = async (headers: Record<string, string>) => {
    const answer = await fixture.post("/v1/tasks/ping", {}, headers);
    return [answer.status, (await answer.json()).type];
  };
  const refused = [403, "/problems/read-only"];
  assertEquals(await submit(SESSION), refused);
  // A browser repeats a password that it once sent.
  assertEquals(
    await submit({ ...SESSION, authorization: `Basic ${btoa(`:${ROOT_TOKEN}`)}` }),
    refused,
  );
  assertEquals(await submit(bearer(ROOT_TOKEN)), [202, undefined]);
  const read = await fixture.app.request("/v1/tasks", { headers: SESSION });
  await read.body?.cancel();
  assertEquals(read.status, 200);
});

Deno.test("a reader of a read-only page can sign in, sign out and choose a language", async () => {
  await using fixture = await keyedFixture([], { settings: READ_ONLY });
  for (const route of OWN) {
    assertEquals(ROUTE_SCOPES[route], "open");
    const answer = await fixture.app.request(route.slice("POST ".length), {
      method: "POST",
      body: new URLSearchParams({ key: ROOT_TOKEN }),
      headers: SESSION,
    });
    await answer.body?.cancel();
    assertEquals(answer.status, 303, route);
  }
});
