/** The event of the sample app, in one process without servers. */
import { assertEquals } from "@std/assert";
import { sampleApp, startDev } from "../../support/roles.ts";

Deno.test("the sample app counts the words of each published text", async () => {
  const { dev, url } = await startDev({ env: sampleApp });
  await using _dev = dev;
  const answer = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "text.published", data: { text: "One. Two two." } }),
  });
  const { key, tasks: [task] } = await answer.json();
  assertEquals([answer.status, task.subscription], [202, "published-statistics"]);
  const { state, result } = await (await fetch(`${url}/v1/tasks/${task.id}?wait=30`)).json();
  assertEquals([state, result.words, result.sentences], ["SUCCESS", 3, 2]);
  const { event, tasks } = await (await fetch(`${url}/v1/events/${key}`)).json();
  assertEquals([event.type, tasks], ["text.published", [task]]);
  const refused = await fetch(`${url}/v1/events`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ type: "text.published", data: { text: 1 } }),
  });
  const { errors } = await refused.json();
  assertEquals([refused.status, errors[0].field], [422, "data.text"]);
});
