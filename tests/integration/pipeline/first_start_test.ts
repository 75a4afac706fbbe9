import { assertEquals } from "@std/assert";
import { freshPipeline, submit } from "../../support/pipeline.ts";
import { startApi } from "../../support/roles.ts";

Deno.test("an API on a broker without queues accepts the first tasks", async () => {
  await using pipeline = await freshPipeline();
  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const first = Array.from({ length: 32 }, () => submit(url, "test.sleep", { args: [0] }));
  assertEquals(new Set((await Promise.all(first)).map(({ state }) => state)), new Set(["PENDING"]));
});
