import { assertEquals, assertStringIncludes } from "@std/assert";
import { suggestedConditions } from "../../../../api/page/tasks/filter_aids.ts";
import { pendingRecord } from "../../../../api/reading/record.ts";
import { createFixture } from "../fixture.ts";

Deno.test("suggestedConditions() quotes values, and leaves out what a filter cannot have", () => {
  const record = {
    ...pendingRecord("a", new Date()),
    name: "with space",
    queue: "mail",
    worker: 'has"quote',
    labels: { order: "7", "no good": "8" },
  };
  assertEquals(suggestedConditions({ contracts: [], records: [record, record], states: [] }), [
    'name:"with space"',
    "queue:mail",
    "label.order:",
  ]);
});

Deno.test("the list suggests whole filters without a script", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.app.request("/tasks?q=state:failure", {
    headers: { accept: "text/html" },
  });
  const text = await answer.text();
  assertStringIncludes(text, '<option value="state:failure name:add" data-condition="name:add">');
  assertStringIncludes(text, '<div id="views" hidden');
});
