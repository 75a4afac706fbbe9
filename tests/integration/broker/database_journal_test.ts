import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseJournal } from "../../../shared/broker/memory/database_journal.ts";
import { MemoryBroker } from "../../../shared/broker/memory/broker.ts";
import { PgliteDatabase } from "../../../shared/database/pglite.ts";
import type { Database } from "../../../shared/database/database.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { BrokerUnavailable } from "../../../shared/errors.ts";
import { testBroker } from "../../support/broker_conformance.ts";
import {
  consumed,
  message,
  queued,
  queues,
  started,
  text,
  texts,
} from "../../support/broker_helpers.ts";
import { freshDatabase } from "../../support/servers.ts";

testBroker("MemoryBroker with a journal", async () => {
  const fixture = await freshDatabase();
  const database = new PostgresDatabase({ url: fixture.url, max: 2 });
  await database.start();
  const broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
  return {
    broker,
    async [Symbol.asyncDispose]() {
      await broker.stop();
      await database.stop();
      await fixture[Symbol.asyncDispose]();
    },
  };
});

Deno.test("MemoryBroker with a journal keeps unacked messages", async () => {
  await using fixture = await freshDatabase();
  await using database = new PostgresDatabase({ url: fixture.url, max: 2 });
  await database.start();
  await restart(database);
});

Deno.test("MemoryBroker with a journal keeps unacked messages on PGlite", async () => {
  await using database = new PgliteDatabase();
  await database.start();
  await restart(database);
});

async function restart(database: Database): Promise<void> {
  const headers = {
    big: 2n ** 60n,
    at: new Date(1_700_000_000_000),
    raw: new Uint8Array([0, 255]),
    list: [1, null],
  };
  {
    await using broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
    await started(broker, {
      ...queues("celeriac.q", "celeriac.dead"),
      exchanges: [{ name: "dlx.celeriac", type: "fanout", durable: true }],
      bindings: [{ exchange: "dlx.celeriac", queue: "celeriac.dead", routingKey: "" }],
    });
    const inbox = await consumed(broker, "celeriac.q", 3);
    await Promise.all(
      Array.from(
        { length: 1200 },
        (_, index) => broker.publish({ ...message("", "celeriac.q", String(index)), headers }),
      ),
    );
    const transient = {
      ...message("", "celeriac.q", "transient"),
      properties: { deliveryMode: 1 as const },
    };
    await broker.publish(transient);
    const [done, bad, held] = await inbox.take(3);
    done?.ack();
    bad?.nack({ requeue: false });
    assertEquals(held?.open, true);
  }
  {
    await using broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
    await started(broker, queues("celeriac.q", "celeriac.dead"));
    const inbox = await consumed(broker, "celeriac.q");
    const first = await inbox.next();
    assertEquals([text(first.message), first.redelivered, first.message.headers], [
      "2",
      true,
      headers,
    ]);
    first.ack();
    const rest = await texts(inbox, 1197);
    assertEquals([rest[0], rest.at(-1), inbox.size], ["3", "1199", 0]);
    assertEquals(await queued(broker, "celeriac.dead"), ["1"]);
  }
  {
    await using broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
    await started(broker, queues("celeriac.q"));
    assertEquals(await queued(broker, "celeriac.q"), []);
    assertEquals(await database.query("select id from celeriac.embedded_message"), []);
  }
}

Deno.test("publish() fails when the journal cannot write", async () => {
  await using fixture = await freshDatabase();
  const database = new PostgresDatabase({ url: fixture.url, max: 2 });
  await database.start();
  await using broker = new MemoryBroker({ journal: new DatabaseJournal({ database }) });
  await started(broker, queues("celeriac.q"));
  await broker.publish(message("", "celeriac.q", "taken"));
  await database.script("alter table celeriac.embedded_message rename to gone");
  await assertRejects(
    () => broker.publish(message("", "celeriac.q")),
    BrokerUnavailable,
    "journal",
  );
  await database.script("alter table celeriac.gone rename to embedded_message");
  assertEquals(await queued(broker, "celeriac.q"), ["taken"]);
  await broker.stop();
  await database.stop();
});
