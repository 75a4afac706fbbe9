import { assertEquals, assertRejects } from "@std/assert";
import { groupOf } from "../../../shared/celery/canvas.ts";
import { type Canvas, identified, steps } from "../../../shared/celery/canvas_tree.ts";
import { childIds } from "../../../shared/celery/child_id.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { Outbox } from "../../../shared/outbox/outbox.ts";
import { TaskRouter } from "../../../shared/outbox/task_router.ts";
import { PostgresResultStore } from "../../../shared/results/postgres.ts";
import { NativeChords } from "../../../shared/workflows/chords.ts";
import { WorkflowListing } from "../../../shared/workflows/listing.ts";
import { Workflows } from "../../../shared/workflows/store.ts";
import { migratedPostgres } from "../../support/migrated.ts";

const task = (name: string): Canvas => ({
  kind: "task",
  signature: { task: name, args: [], kwargs: {}, options: { queue: "q" } },
});

Deno.test("WorkflowListing.list() returns workflows page by page, with their states", async () => {
  await using owned = await migratedPostgres();
  const { database } = owned;
  const store = new PostgresResultStore({ database });
  const workflows = new Workflows({
    database,
    store,
    outbox: new Outbox({ database }),
    routes: new TaskRouter(new Registry([]), []),
    chords: new NativeChords({ database }),
    origin: "gen1@test",
  });
  const start = async (id: string, canvas: Canvas) => {
    const whole = identified(canvas, childIds(id, "workflow"));
    await workflows.start(id, whole);
    return steps(whole).map(({ options }) => options.taskId!);
  };
  const [first = ""] = await start("w-1", { kind: "chain", steps: [task("a"), task("b")] });
  const ids = await start("w-2", groupOf([task("a"), task("a"), task("<c>")]));
  await start("w-3", groupOf(Array.from({ length: 501 }, () => task("many"))));
  await store.revoke(first, "test");
  for (const id of ids) await store.revoke(id, "test");

  const listing = new WorkflowListing({ database, store });
  const newest = await listing.list(2);
  assertEquals(newest.workflows.map(({ createdAt: _, ...rest }) => rest), [
    { id: "w-3", total: 501, names: null, state: null, done: null },
    { id: "w-2", total: 3, names: ["a", "<c>"], state: "REVOKED", done: 3 },
  ]);
  const older = await listing.list(2, newest.next!);
  assertEquals(older.workflows.map(({ id, state, done }) => [id, state, done]), [
    ["w-1", "STARTED", 1],
  ]);
  assertEquals(older.next, null);
  assertEquals((await workflows.find("w-2"))!.state, "REVOKED");
  await assertRejects(() => listing.list(2, "!"), InvalidInput, "cursor");
});
