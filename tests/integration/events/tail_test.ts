/** `cli.ts events tail` while its API is killed. */
import { assertEquals } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freePorts } from "../../support/ports.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { Process } from "../../support/process.ts";
import { checkout, startApi, startBeat } from "../../support/roles.ts";

Deno.test("events tail continues with the next event when the API is back", async () => {
  await using pipeline = await freshPipeline();
  const [port] = await freePorts(1);
  const env = { ...pipeline.env, PORT: String(port) };
  await using stack = new AsyncDisposableStack();
  const first = await startApi({ env });
  stack.use(first.api);
  stack.use((await startBeat(pipeline)).beat);
  const { url } = first;
  const publish = async (id: string) => {
    const answer = await fetch(`${url}/v1/events`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ type: "test.eu.happened", id, data: { value: id } }),
    });
    assertEquals(answer.status, 202);
    const { key } = await answer.json();
    await eventually(`event ${id}`, async () => {
      const found = await fetch(`${url}/v1/events/${key}`);
      await found.body?.cancel();
      return found.ok;
    });
  };
  const args = ["--after=0", "--limit=4", "--json"];
  const tail = stack.use(
    Process.start(Deno.execPath(), ["run", "-A", `${checkout}cli.ts`, "events", "tail", ...args], {
      env: { CELERIAC_URL: url, NO_COLOR: "1" },
    }),
  );
  await publish("1");
  await publish("2");
  await tail.said(/"position":2,/, { timeoutMs: 60_000 });
  first.api.kill("SIGKILL");
  await first.api.exit();
  stack.use((await startApi({ env })).api);
  await publish("3");
  await publish("4");
  const { code } = await tail.exit({ timeoutMs: 60_000 });
  assertEquals(code, 0, tail.output);
  const lines = tail.output.split("\n").filter((line) => line.startsWith("{"));
  assertEquals(lines.map((line) => JSON.parse(line).event.id), ["1", "2", "3", "4"]);
});
