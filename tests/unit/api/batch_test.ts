import { assert, assertEquals } from "@std/assert";
import { Unavailable } from "../../../shared/errors.ts";
import { createFixture, type Fixture } from "./fixture.ts";

const NDJSON = { "content-type": "application/x-ndjson" };
const add = (x: number) => ({ name: "add", args: [x, 1] });

async function ids(fixture: Fixture): Promise<unknown[]> {
  return (await fixture.published()).map(({ headers }) => headers["id"]);
}

Deno.test("POST /v1/tasks:batch answers an array in order", async () => {
  await using fixture = await createFixture();
  const answer = await fixture.post("/v1/tasks:batch", [add(1), add(2), { name: "ping" }]);
  const lines = await answer.json();
  assertEquals([answer.status, answer.headers.get("content-type")], [200, "application/json"]);
  assertEquals(
    lines.map((
      { line, status, state, name }: Record<string, unknown>,
    ) => [line, status, state, name]),
    [[1, 202, "PENDING", "add"], [2, 202, "PENDING", "add"], [3, 202, "PENDING", "ping"]],
  );
  const published = await ids(fixture);
  assertEquals(published.sort(), lines.map(({ id }: { id: string }) => id).sort());
});

Deno.test("POST /v1/tasks:batch answers NDJSON line by line, wrong lines with problems", async () => {
  await using fixture = await createFixture();
  const lines = [
    JSON.stringify(add(1)),
    "{not json",
    "",
    JSON.stringify({ name: "add", args: [1, "2"] }),
    JSON.stringify({ name: "nope" }),
    JSON.stringify({ name: "text.shout", args: ["a".repeat(300)] }),
    JSON.stringify(add(7)),
  ];
  const answer = await fixture.post("/v1/tasks:batch", lines.join("\n") + "\n", NDJSON);
  assertEquals([answer.status, answer.headers.get("content-type")], [200, "application/x-ndjson"]);
  const answers = (await answer.text()).trimEnd().split("\n").map((line) => JSON.parse(line));
  assertEquals(
    answers.map(({ line, status, type, state }) => [line, status, type ?? state]),
    [
      [1, 202, "PENDING"],
      [2, 400, "/problems/invalid-json"],
      [4, 422, "/problems/invalid-input"],
      [5, 404, "/problems/unknown-task"],
      [6, 413, "/problems/body-too-large"],
      [7, 202, "PENDING"],
    ],
  );
  assertEquals(answers[2].errors[0].field, "args.1");
  assertEquals((await ids(fixture)).sort(), [answers[0].id, answers[5].id].sort());
});

Deno.test("POST /v1/tasks:batch publishes nothing for an invalid batch", async (t) => {
  await using fixture = await createFixture({ batchLimit: 2 });
  const good = JSON.stringify(add(1));
  const cases: [string, string, Record<string, string>, number, string][] = [
    ["a broken array", `[${good}, {`, {}, 400, "invalid-json"],
    ["no array", good, {}, 422, "invalid-input"],
    ["a NUL in one item", `[${good},{"name":"add","args":["\\u0000"]}]`, {}, 422, "invalid-input"],
    ["too many items", `[${good},${good},${good}]`, {}, 413, "body-too-large"],
    ["too many lines", `${good}\n${good}\n${good}`, NDJSON, 413, "body-too-large"],
    [
      "a form",
      "name=add",
      { "content-type": "application/x-www-form-urlencoded" },
      415,
      "unsupported-content-type",
    ],
    ["a key", `[${good}]`, { "idempotency-key": "k" }, 422, "invalid-input"],
    [
      "64 MiB and a byte",
      good,
      { "content-length": String(64 * 1024 * 1024 + 1) },
      413,
      "body-too-large",
    ],
  ];
  for (const [name, body, headers, status, kind] of cases) {
    await t.step(name, async () => {
      const answer = await fixture.post("/v1/tasks:batch", body, headers);
      assertEquals([answer.status, (await answer.json()).type], [status, `/problems/${kind}`]);
    });
  }
  assertEquals(await ids(fixture), []);
});

Deno.test("POST /v1/tasks:batch accepts exactly the maximum number of lines", async () => {
  await using fixture = await createFixture({ batchLimit: 2 });
  const body = `${JSON.stringify(add(1))}\n${JSON.stringify(add(2))}\n`;
  const answer = await fixture.post("/v1/tasks:batch", body, NDJSON);
  assertEquals((await answer.text()).trimEnd().split("\n").length, 2);
  assertEquals((await ids(fixture)).length, 2);
});

Deno.test("POST /v1/tasks:batch publishes at most 500 at once, and each line fails alone", async () => {
  let now = 0;
  let most = 0;
  const publisher = {
    async submit({ args }: { args: unknown[] }) {
      most = Math.max(most, ++now);
      await new Promise((resolve) => setTimeout(resolve, 0));
      now--;
      if (args[0] === 7) throw new Unavailable("Cannot accept it as both are down");
      return {
        id: `id-${args[0]}`,
        name: "add",
        queue: "q",
        submittedAt: new Date(),
        via: "broker" as const,
        argsRepr: "",
        kwargsRepr: "",
      };
    },
  };
  await using fixture = await createFixture({ batchLimit: 10_000 }, { publisher });
  const answer = await fixture.post(
    "/v1/tasks:batch",
    Array.from({ length: 2000 }, (_, x) => add(x)),
  );
  const lines = await answer.json();
  assertEquals(lines.length, 2000);
  assert(most > 100 && most <= 500, `${most} at once`);
  assertEquals([lines[7].line, lines[7].status], [8, 503]);
  assertEquals([lines[1999].id, lines[1999].line], ["id-1999", 2000]);
});
