import { assertEquals, assertStringIncludes } from "@std/assert";
import { v7 as newId } from "uuid";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { toWire } from "../../../shared/celery/signature.ts";
import { defineTask, z } from "../../../shared/mod.ts";
import { destinationOf } from "../../../shared/broker/topology.ts";
import { handle } from "../../../workers/mod.ts";
import { eventually } from "../../support/eventually.ts";
import { completeProcessHandler, echoHandler } from "../../app/handlers.ts";
import { startWorkerFixture } from "../../support/worker_fixture.ts";

const INSERT = "insert into ledger (id, attempt) values ($1, $2)";
const input = z.object({});

const pay = defineTask({ name: "pay", input, output: z.number(), retry: { base: 0.05 } });
const payHandler = handle(
  pay,
  (_, { complete, id, attempt }) =>
    complete(async (sql) => {
      await sql.query(INSERT, [id, attempt]);
      if (attempt < 3) throw new Error("not enough");
      const [row] = await sql.query<{ n: number }>("select count(*)::int as n from ledger");
      return row!.n;
    }),
);

function copy(task: string, id: string, retries = 0): Message {
  return {
    ...destinationOf("celeriac.default"),
    properties: { contentType: "application/json", contentEncoding: "utf-8" },
    headers: { task, id, retries },
    body: new TextEncoder().encode("[[], {}, {}]"),
  };
}

async function ledger(fixture: Awaited<ReturnType<typeof startWorkerFixture>>): Promise<void> {
  await fixture.database.script("create table ledger (id text, attempt integer)");
}

const rows = "select id, attempt from ledger";

for (const results of ["native", "django"]) {
  Deno.test(`complete() commits SQL and result together, and neither when the work throws (${results})`, async () => {
    await using fixture = await startWorkerFixture([payHandler], { results });
    await ledger(fixture);
    const { id, state, result, retries } = await fixture.final(await fixture.submit("pay", {}));
    assertEquals({ state, result, retries }, { state: "SUCCESS", result: "1", retries: 2 });
    assertEquals(await fixture.database.query(rows), [{ id, attempt: 3 }]);
  });

  Deno.test(`complete() commits one effect for many concurrent copies (${results})`, async () => {
    const started = Promise.withResolvers<void>();
    let running = 0;
    const once = defineTask({ name: "once", input });
    await using fixture = await startWorkerFixture([
      handle(once, async (_, { complete, id, attempt }) => {
        if (++running === 4) started.resolve();
        await started.promise;
        return complete(async (sql) => {
          await sql.query(INSERT, [id, attempt]);
          await sql.query("select pg_sleep(0.1)");
          return running;
        });
      }),
    ], { results });
    await ledger(fixture);
    // A later attempt is no duplicate, so all four are in flight together. An earlier one would not run any more.
    for (let n = 0; n < 4; n++) {
      await fixture.broker.publish(copy("once", "same", n));
      await eventually(`copy ${n} runs`, () => running > n);
    }
    const record = await fixture.final("same");
    await eventually("all copies answered", async () => await inHand(fixture) === 0);
    assertEquals(record.state, "SUCCESS");
    const written = await fixture.database.query<{ id: string }>(rows);
    assertEquals(written.map(({ id }) => id), ["same"]);
  });
}

async function inHand(fixture: Awaited<ReturnType<typeof startWorkerFixture>>): Promise<number> {
  const answer = await fixture.worker.health().request("/metrics");
  return Number(/^celeriac_deliveries_unacked (\d+)/m.exec(await answer.text())?.[1] ?? NaN);
}

Deno.test("complete() rejects uses in which it cannot keep its guarantee", async (t) => {
  const forgetful = defineTask({ name: "forgetful", input });
  const unrecorded = defineTask({ name: "unrecorded", input, ignoreResult: true });
  const refusals: unknown[] = [];
  await using fixture = await startWorkerFixture([
    handle(forgetful, (_, { complete }) => {
      complete(() => 1);
      return 2;
    }),
    handle(unrecorded, (_, { complete }) => {
      try {
        return complete(() => 1);
      } catch (error) {
        refusals.push(error);
        throw error;
      }
    }),
    completeProcessHandler,
  ]);
  await t.step("its value is not returned", async () => {
    const { state, exception } = await fixture.final(await fixture.submit("forgetful", {}));
    assertEquals(state, "FAILURE");
    assertStringIncludes(String(exception?.exc_message[0]), "return the value of that call");
  });
  await t.step("the task ignores its result", async () => {
    await fixture.submit("unrecorded", {});
    const refusal = await eventually("the refusal", () => refusals[0]);
    assertStringIncludes(String(refusal), "no record of it is kept");
  });
  await t.step("in a child process", async () => {
    const { state, exception } = await fixture.final(
      await fixture.submit("test.complete_process", {}),
    );
    assertEquals(state, "FAILURE");
    assertStringIncludes(String(exception?.exc_message[0]), 'set run: "inline"');
  });
});

Deno.test("complete() fails when the database rejects the SQL", async () => {
  const wrong = defineTask({ name: "wrong", input });
  await using fixture = await startWorkerFixture([
    handle(wrong, (_, { complete }) => complete((sql) => sql.query("select no_such_thing"))),
  ]);
  const { state, exception } = await fixture.final(await fixture.submit("wrong", {}));
  assertEquals([state, exception?.exc_type], ["FAILURE", "DatabaseRefused"]);
  assertStringIncludes(String(exception?.exc_message[0]), "no_such_thing");
});

Deno.test("complete() ends at the hard time limit, after which its work cannot write", async () => {
  const limited = defineTask({ name: "limited", input, timeLimit: { hard: 2 } });
  const released = Promise.withResolvers<void>();
  const late = Promise.withResolvers<unknown>();
  await using fixture = await startWorkerFixture([
    handle(limited, (_, { complete, id, attempt }) =>
      complete(async (sql) => {
        await released.promise;
        await sql.query(INSERT, [id, attempt]).catch(late.resolve);
      })),
  ]);
  await ledger(fixture);
  const { state, exception } = await fixture.final(await fixture.submit("limited", {}));
  assertEquals([state, exception?.exc_type], ["FAILURE", "TimeLimitExceeded"]);
  released.resolve();
  assertStringIncludes(String(await late.promise), "its transaction has ended");
  assertEquals(await fixture.database.query(rows), []);
});

Deno.test("complete() fails when its work loses the connection repeatedly", async () => {
  const losing = defineTask({ name: "losing", input });
  await using fixture = await startWorkerFixture([
    handle(
      losing,
      (_, { complete }) =>
        complete((sql) => sql.query("select pg_terminate_backend(pg_backend_pid())")),
    ),
  ]);
  const { state, exception } = await fixture.final(await fixture.submit("losing", {}));
  assertEquals([state, exception?.exc_type], ["FAILURE", "ConnectionLost"]);
});

Deno.test("complete() rolls back and requeues when the worker stops before its work ends", async () => {
  const endless = defineTask({ name: "endless", input });
  const working = Promise.withResolvers<void>();
  await using fixture = await startWorkerFixture([
    handle(endless, (_, { complete }) =>
      complete(async (sql) => {
        await sql.query("select 1");
        working.resolve();
        await new Promise(() => {});
      })),
  ], { grace: "0.1" });
  const id = await fixture.submit("endless", {});
  await working.promise;
  await fixture.worker.stop();
  await eventually("no transaction left open", async () => {
    const open = await fixture.database.query(
      "select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'",
    );
    return open.length === 0;
  });
  assertEquals((await fixture.store.find(id))?.state, "STARTED");
});

Deno.test("complete() is part of its attempt: terminate, uncaught errors and children apply to it", async (t) => {
  const held = defineTask({ name: "held", input });
  const careless = defineTask({ name: "careless", input });
  const parent = defineTask({ name: "parent", input: z.object({}), output: z.number() });
  const working = Promise.withResolvers<void>();
  const written = Promise.withResolvers<void>();
  await using fixture = await startWorkerFixture([
    handle(held, (_, { complete, id }) =>
      complete(async (sql) => {
        await sql.query(INSERT, [id, 1]);
        working.resolve();
        await new Promise(() => {});
      })),
    handle(careless, (_, { complete, id }) =>
      complete(async (sql) => {
        await sql.query(INSERT, [id, 1]);
        written.resolve();
        setTimeout(() => {
          throw new RangeError("forgotten");
        });
        await new Promise(() => {});
      })),
    handle(parent, (_, { complete }) => complete(() => 7)),
    echoHandler,
  ]);
  await ledger(fixture);

  await t.step("terminate", async () => {
    const id = await fixture.submit("held", {});
    await working.promise;
    const running = await (await fixture.worker.health().request("/metrics")).text();
    assertStringIncludes(running, "celeriac_tasks_running 1");
    await fixture.broker.publish(encodeRevoke([id], { terminate: true }), { mandatory: false });
    const { state, exception } = await fixture.final(id);
    assertEquals([state, exception?.exc_message], ["REVOKED", ["terminated"]]);
  });

  await t.step("an uncaught error", async () => {
    const { state, exception } = await fixture.final(await fixture.submit("careless", {}));
    await written.promise;
    assertEquals([state, exception?.exc_type], ["FAILURE", "UncaughtError"]);
  });

  await t.step("neither commits anything", async () => {
    await eventually("transactions are over", async () => {
      const open = await fixture.database.query(
        "select from pg_stat_activity where datname = current_database() and state = 'idle in transaction'",
      );
      return open.length === 0;
    });
    assertEquals(await fixture.database.query(rows), []);
  });

  await t.step("children", async () => {
    const options = { taskId: newId(), queue: "celeriac.default" };
    const callbacks = [toWire({ task: "test.echo", args: [], kwargs: {}, options })];
    const id = await fixture.submit("parent", {}, { callbacks });
    const { result, children } = await fixture.final(id);
    assertEquals([result, children?.length], ["7", 1]);
  });
});

Deno.test("complete() waits for a server that is out of disk", async () => {
  const full = defineTask({ name: "full", input });
  let refusals = 6; // one more than connections may be lost
  await using fixture = await startWorkerFixture([
    handle(full, (_, { complete }) =>
      complete(async (sql) => {
        if (refusals-- > 0) {
          await sql.query("do $$ begin raise 'no space' using errcode = 'disk_full'; end $$");
        }
        return "written";
      })),
  ]);
  const { state, result, retries } = await fixture.final(await fixture.submit("full", {}));
  assertEquals([state, result, retries], ["SUCCESS", '"written"', 0]);
});
