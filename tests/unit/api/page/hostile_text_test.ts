import { assert, assertEquals } from "@std/assert";
import { createFixture } from "../fixture.ts";
import { keyedFixture, testKey } from "../access/keys.ts";

const HTML = { accept: "text/html" };
const HOSTILE = `"\'><img src=x onerror=alert(1)>`;

Deno.test("no stored text becomes markup", async () => {
  await using fixture = await createFixture({ page: { environment: HOSTILE } });
  for (const state of ["FAILURE", "STARTED", "PROGRESS", "SUCCESS"] as const) {
    fixture.records.put({
      id: state + HOSTILE,
      name: HOSTILE,
      state,
      queue: HOSTILE,
      worker: HOSTILE,
      argsRepr: HOSTILE,
      kwargsRepr: HOSTILE,
      result: JSON.stringify({ [HOSTILE]: HOSTILE }),
      exception: { exc_type: HOSTILE, exc_message: [HOSTILE], exc_module: HOSTILE },
      traceback: HOSTILE,
      labels: { [HOSTILE]: HOSTILE },
      submittedBy: HOSTILE,
      children: [[[HOSTILE, null], [[[HOSTILE, null], null]]]],
      history: [{
        attempt: 1,
        worker: HOSTILE,
        startedAt: new Date(),
        finishedAt: new Date(),
        error: { type: HOSTILE, message: HOSTILE },
      }],
      startedAt: new Date(),
    });
    const text = encodeURIComponent(HOSTILE);
    const paths = ["/", "/tasks", `/tasks/${state}${text}`, `/tasks?q=${text}`, `/tasks?${text}`];
    for (const path of [...paths, `/new-tasks?after=2020-01-01T00:00:00Z&q=${text}`, `/${text}`]) {
      const answer = await fixture.app.request(path, { headers: HTML });
      const page = await answer.text();
      assert(!page.includes("<img") && !page.includes("'><"), path);
    }
  }
});

Deno.test("a mistyped address leads to the page to sign in, and then says that there is no such page", async () => {
  const key = testKey();
  await using fixture = await keyedFixture([key]);
  const unknown = await fixture.app.request("/tsaks", { headers: HTML });
  assertEquals([unknown.status, unknown.headers.get("location")], [
    303,
    "/sign-in?next=%2Ftsaks",
  ]);
  const headers = { ...HTML, cookie: `celeriac=${key.token}` };
  const known = await fixture.app.request("/tsaks", { headers });
  assertEquals([known.status, known.headers.get("content-type")], [
    404,
    "text/html; charset=UTF-8",
  ]);
  await known.body?.cancel();
});
