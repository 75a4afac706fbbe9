import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import fc from "fast-check";
import { fromStored } from "../../../shared/broker/stored_message.ts";
import { parseJson } from "../../../shared/celery/python_json.ts";
import type { Database, Sql } from "../../../shared/database/database.ts";
import { PostgresDatabase } from "../../../shared/database/postgres.ts";
import { readEventMessage, toEventMessage } from "../../../shared/events/amqp.ts";
import { eventKey } from "../../../shared/events/event_key.ts";
import { databaseUsers } from "../../support/database_users.ts";
import { migratedPglite, migratedPostgres } from "../../support/migrated.ts";
import { migrate } from "../../support/roles.ts";

interface Row {
  readonly task_id: string;
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Record<string, unknown>;
  readonly headers: unknown;
  readonly body: Uint8Array;
}

/** The messages in the outbox, oldest first. */
function messages(database: Database): Promise<Row[]> {
  return database.query<Row>(
    "select task_id, exchange, routing_key, properties, headers, body from celeriac.outbox order by id",
  );
}

const PUBLISH = `
  select celeriac.publish(
    type => $1, data => $2::text::json, source => $3, id => coalesce($4, 'one'), subject => $5,
    occurred_at => $6::text::timestamptz, attributes => $7::text::json
  ) as key`;

interface Given {
  readonly type: string;
  readonly data?: unknown;
  readonly source: string;
  readonly id?: string;
  readonly subject?: string;
  readonly time?: string;
  readonly attributes?: Record<string, string | number | boolean>;
}

async function publish(sql: Sql, given: Given): Promise<string> {
  const { type, data, source, id, subject, time, attributes = {} } = given;
  const [row] = await sql.query<{ key: string }>(PUBLISH, [
    ...[type, data === undefined ? null : JSON.stringify(data), source, id ?? null],
    ...[subject ?? null, time ?? null, JSON.stringify(attributes)],
  ]);
  return row!.key;
}

const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 40 })
  .filter((one) => !/\p{Control}/u.test(one));

/** Times that a UUIDv7 can hold, and earlier ones. */
const time = fc.date({
  min: new Date("0001-01-01T00:00:00Z"),
  max: new Date("9999-12-31T23:59:59.999Z"),
  noInvalidDate: true,
}).map((date) => date.toISOString());

const given: fc.Arbitrary<Given> = fc.record({
  type: text.filter((one) => new TextEncoder().encode(one).length <= 255),
  source: fc.constantFrom("/shop", "https://example.com/a?b=%20", "urn:x:1"),
  data: fc.jsonValue(),
  id: fc.oneof(text, fc.uuid({ version: 7 }), fc.uuid({ version: 4 })),
  subject: text,
  time,
  attributes: fc.dictionary(
    fc.stringMatching(/^x[a-z0-9]{0,9}$/),
    fc.oneof(text, fc.boolean(), fc.integer()),
  ),
}, { requiredKeys: ["type", "source"] });

for (const [name, open] of Object.entries({ Postgres: migratedPostgres, PGlite: migratedPglite })) {
  Deno.test(`celeriac.publish() stores what the API would publish, with the same key (${name})`, async () => {
    await using fixture = await open();
    const { database } = fixture;
    await fc.assert(
      fc.asyncProperty(given, async (one) => {
        await database.query("delete from celeriac.outbox");
        const key = await publish(database, one);
        const [row] = await messages(database);
        const message = fromStored(row!);
        const event = readEventMessage(message);
        assertEquals([eventKey(event), row!.task_id], [key, key]);
        const { body: _, ...expected } = toEventMessage(event, key);
        const { body: __, ...stored } = message;
        assertEquals(stored, expected);
        const { type, source, subject, attributes = {} } = one;
        const { type: kind, source: from, subject: about, data } = event;
        assertEquals([kind, from, about], [type, source, subject]);
        const given = one.data === undefined ? "null" : JSON.stringify(one.data);
        assertEquals(data ?? null, parseJson(given, { typed: "keep" }));
        for (const [name, value] of Object.entries(attributes)) assertEquals(event[name], value);
        assertEquals(await publish(database, one), key);
        assertEquals((await messages(database)).length, 1);
      }),
      { numRuns: 60 },
    );
  });
}

Deno.test("celeriac.publish() publishes if and only if its transaction commits, and refuses wrong events", async () => {
  await using fixture = await migratedPostgres();
  const { database } = fixture;
  await assertRejects(() =>
    database.transaction(async (sql) => {
      await sql.query("select celeriac.publish('orders.paid')");
      throw new Error("changed my mind");
    })
  );
  assertEquals(await messages(database), []);
  const [row] = await database.query<{ key: string }>(
    `select celeriac.publish('orders.paid', '{"order": 12345678901234567890}') as key`,
  );
  const [stored] = await messages(database);
  const event = readEventMessage(fromStored(stored!));
  assertEquals([event.type, event.source, eventKey(event)], ["orders.paid", "/celeriac", row!.key]);
  assertStringIncludes(new TextDecoder().decode(stored!.body), "12345678901234567890");
  assert(event.time === undefined);
  const wrong: Record<string, string> = {
    "null": "type must be a text of 1 to 255 bytes",
    "''": "type must be a text of 1 to 255 bytes",
    "repeat('é', 128)": "type must be a text of 1 to 255 bytes",
    "E'a\\nb'": "type must be a text of 1 to 255 bytes",
    "'a', source => 'no uri'": "source must be a URI reference",
    "'a', source => null": "source must be a URI reference",
    "'a', id => ''": "id must be a text",
    "'a', subject => E'\\u0085'": "subject must be a text",
    "E'a\\U0001FFFF'": "type must be a text of 1 to 255 bytes",
    "'a', id => E'\\U0010FFFE'": "id must be a text",
    "'a', (repeat('[', 496) || repeat(']', 496))::json": "at most 495 levels",
    "'a', ('[' || repeat('9', 4301) || ']')::json": "4300 digits",
    '\'a\', \'{"__type__": "x", "__value__": 1}\'': "__type__ and __value__",
    "'a', occurred_at => 'infinity'": "occurred_at must be a time",
    "'a', attributes => '[]'": "attributes must be a JSON object",
    "'a', attributes => null": "attributes must be a JSON object",
    "'a', attributes => '{\"Tenant\": 1}'": "attribute 'Tenant' must have a name",
    "'a', attributes => '{\"time\": \"now\"}'": "attribute 'time' must have a name",
    "'a', attributes => '{\"a\": 2147483648}'": "attribute 'a' must",
    "'a', attributes => '{\"a\": 1.5}'": "attribute 'a' must",
    "'a', attributes => '{\"a\": null}'": "attribute 'a' must",
    "'a', attributes => json_build_object('a', repeat('x', 50000))": "at most 48 KiB",
    "'a', to_json(repeat('x', 1100000))": "at most 1 MiB",
  };
  for (const [call, message] of Object.entries(wrong)) {
    const statement = `select celeriac.publish(${call})`;
    const error = await assertRejects(() => database.query(statement), Error, undefined, call);
    assertStringIncludes(error.message, message);
    assertStringIncludes(error.message, "Cannot publish event");
  }
  assertEquals((await messages(database)).length, 1);
});

Deno.test("celeriac.publish() needs no right but that of celeriac_submit", async () => {
  await using users = await databaseUsers();
  await migrate(users.url("migrate"));
  await using shop = new PostgresDatabase({ url: users.url("submit"), max: 1 });
  await shop.start();
  await shop.query("select celeriac.publish('orders.paid')");
  await assertRejects(
    () => shop.query("select * from celeriac.outbox"),
    Error,
    "permission denied",
  );
});
