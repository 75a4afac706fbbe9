import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { defineTask, z } from "../../../shared/mod.ts";
import { HIDDEN_REPR } from "../../../shared/results/kept_input.ts";
import { handle } from "../../../workers/mod.ts";
import { startWorkerFixture, type WorkerFixture } from "../../support/worker_fixture.ts";

const input = z.looseObject({ ok: z.boolean() });
const usual = defineTask({ name: "usual", input });
const always = defineTask({ name: "always", input, keepInput: "always" });
const never = defineTask({ name: "never", input, keepInput: "never" });
const stored = defineTask({ name: "stored", input, keepInput: "always" });
const secret = defineTask({
  name: "secret",
  input: z.object({ ok: z.boolean(), card: z.object({ number: z.string() }) }),
  keepInput: { when: "always", redact: ["card.number"] },
});
const silent = defineTask({ name: "silent", input, ignoreResult: true });

const run = ({ ok }: { ok: boolean }) => {
  if (!ok) throw new Error("no");
};

const HANDLERS = [
  handle(usual, run),
  handle(always, run),
  handle(never, run),
  handle(secret, run),
  handle(silent, run),
  handle(stored, (_, { complete }) => complete(() => Promise.resolve("done"))),
];

async function kept(
  fixture: WorkerFixture,
  task: string,
  kwargs: Record<string, unknown>,
  args: unknown[] = [],
) {
  const queue = "celeriac.default";
  const id = await fixture.submit(task, kwargs, { args, queue });
  return await fixture.final(id);
}

Deno.test("records keep inputs as contracts say", async (t) => {
  await using fixture = await startWorkerFixture(HANDLERS, { inputMaxBytes: "1000" });
  const inputOf = async (...given: [string, Record<string, unknown>, unknown[]?]) =>
    (await kept(fixture, ...given)).input;

  await t.step("by default those of failed tasks, exactly", async () => {
    assertEquals(await inputOf("usual", { ok: true }), undefined);
    const big = 2n ** 60n + 1n;
    assertEquals(
      await inputOf("usual", { n: big, nul: "\0\u00e9" }, [false]),
      '{"args":[false],"kwargs":{"n":1152921504606846977,"nul":"\\u0000\u00e9"}}',
    );
  });
  await t.step("always or never", async () => {
    assertEquals(await inputOf("always", { ok: true }), '{"args":[],"kwargs":{"ok":true}}');
    assertEquals(await inputOf("stored", { ok: true }), '{"args":[],"kwargs":{"ok":true}}');
    assertEquals(await inputOf("never", { ok: false }), undefined);
  });
  await t.step("of rejected tasks, and of those without a contract", async () => {
    assertEquals(await inputOf("usual", { ok: 7 }), '{"args":[],"kwargs":{"ok":7}}');
    assertEquals(await inputOf("unknown", { a: 1 }), '{"args":[],"kwargs":{"a":1}}');
  });
  await t.step("up to a size", async () => {
    const text = await inputOf("usual", { ok: false, x: "x".repeat(1000) });
    assertEquals(JSON.parse(text!), { omitted: "too-large", bytes: 1040 });
  });
  await t.step("without redacted values, in no column", async () => {
    for (const ok of [true, false]) {
      const record = await kept(fixture, "secret", { ok, card: { number: "4111-1111" } });
      assertEquals(
        record.input,
        `{"args":[],"kwargs":{"ok":${ok},"card":{"number":"[redacted]"}},"redacted":["kwargs.card.number"]}`,
      );
      assertEquals([record.argsRepr, record.kwargsRepr], [HIDDEN_REPR, HIDDEN_REPR]);
      const [row] = await fixture.database.query<{ text: string }>(
        "select row_to_json(task)::text as text from celeriac.task where id = $1",
        [record.id],
      );
      assert(!row!.text.includes("4111"), row!.text);
    }
  });
  await t.step("of a series too, unless its task redacts", async () => {
    const series = (task: string) => ({ task: { task }, it: [false] });
    assertStringIncludes(await inputOf("celery.map", series("usual")) ?? "", '"it":[false]');
    assertEquals(await inputOf("celery.map", series("secret")), undefined);
  });
  await t.step("lists leave them out", async () => {
    const { records } = await fixture.store.list({ name: "always" }, { limit: 10 });
    assertEquals(records.map(({ input }) => input), [undefined]);
  });
});
