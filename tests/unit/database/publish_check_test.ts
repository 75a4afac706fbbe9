/** `celeriac.publish` refuses what the dispatcher could only dead-letter. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { fromStored } from "../../../shared/broker/stored_message.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import type { Database } from "../../../shared/database/database.ts";
import { DatabaseRefused, InvalidInput, Malformed } from "../../../shared/errors.ts";
import { readEventMessage } from "../../../shared/events/amqp.ts";
import { cloudEvent } from "../../../shared/events/cloud_event.ts";
import { migratedPglite } from "../../support/migrated.ts";

interface Row {
  readonly exchange: string;
  readonly routing_key: string;
  readonly properties: Record<string, unknown>;
  readonly headers: Record<string, unknown>;
  readonly body: Uint8Array;
}

/** Publishes, and reads the message as the dispatcher does.
 *
 * @param data JSON text */
async function publish(database: Database, text: string, data: string | null): Promise<void> {
  await database.query("delete from celeriac.outbox");
  await database.query(
    "select celeriac.publish($1::text, $2::text::json, id => $1, subject => $1, attributes => json_build_object('tenant', $1::text))",
    [text, data],
  );
  const [row] = await database.query<Row>(
    "select exchange, routing_key, properties, headers, body from celeriac.outbox",
  );
  stringifyJson(readEventMessage(fromStored(row!)));
}

Deno.test("celeriac.publish() accepts a character if and only if the dispatcher does", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  const planes = Array.from({ length: 17 }, (_, plane) => plane * 0x10000);
  const codes = [
    ...[0x1, 0x9, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0x9f, 0xa0, 0x2028, 0xfdcf, 0xfdd0, 0xfdef, 0xfdf0],
    ...planes.flatMap((plane) => [plane + 0xfffd, plane + 0xfffe, plane + 0xffff]),
  ];
  const refused: number[] = [];
  for (const code of codes) {
    const text = `a${String.fromCodePoint(code)}b`;
    const event = { specversion: "1.0", source: "/celeriac", id: text, type: text };
    const isAccepted = accepts(() => cloudEvent(event));
    if (isAccepted) await publish(database, text, null);
    else {
      refused.push(code);
      await assertRejects(() => publish(database, text, null), DatabaseRefused, "type must be");
      for (const name of ["id", "subject"]) {
        const call = `select celeriac.publish('a', ${name} => $1)`;
        const refusal = `${name} must be`;
        await assertRejects(() => database.query(call, [text]), DatabaseRefused, refusal);
      }
      const call =
        "select celeriac.publish('a', attributes => json_build_object('tenant', $1::text))";
      await assertRejects(() => database.query(call, [text]), DatabaseRefused, "'tenant' must");
    }
  }
  assert(refused.includes(0x1ffff) && refused.includes(0x10fffe) && !refused.includes(0x1fffd));
});

Deno.test("celeriac.publish() accepts data if and only if the dispatcher can read and write them", async () => {
  await using fixture = await migratedPglite();
  const { database } = fixture;
  const lists = (depth: number) => "[".repeat(depth) + "]".repeat(depth);
  const objects = (depth: number) => '{"a":'.repeat(depth) + "1" + "}".repeat(depth);
  const good = [
    lists(495),
    objects(495),
    // Many brackets, but flat, or in texts.
    `[${Array(2000).fill("[]").join()}]`,
    JSON.stringify('["\\'.repeat(600)),
    `[${"9".repeat(4300)}, 0.${"3".repeat(5000)}, "${"7".repeat(5000)}"]`,
    '{"__type__": "x", "__value__": 1, "more": 2}',
    '["__type__", "__value__", {"__type__": 1}]',
    // No values of jsonb.
    '["\\u0000", "a\\ud800b", "\\ud83d\\ude00", "\\\\u0000"]',
  ];
  for (const data of good) await publish(database, "orders.paid", data);
  const bad = {
    [lists(496)]: "at most 495 levels",
    [`{"text": "]]]", "deep": ${objects(495)}}`]: "at most 495 levels",
    [`[${"9".repeat(4301)}]`]: "4300 digits",
    [`{"a": -${"9".repeat(4300)}}`]: "4300 digits",
    '[{"a": {"__type__": "x", "__value__": 1}}]': "__type__ and __value__",
    '{"\\u005f_type__": "x", "__valu\\u0065__": 1}': "__type__ and __value__",
    '["\\u0000", {"__type__": "x", "__value__": "\\\\u0000"}]': "__type__ and __value__",
  };
  for (const [data, message] of Object.entries(bad)) {
    const event = `{"specversion":"1.0","id":"1","source":"/s","type":"a","data":${data}}`;
    const dispatched = accepts(() =>
      stringifyJson(readEventMessage({
        properties: { contentType: "application/cloudevents+json" },
        headers: {},
        body: new TextEncoder().encode(event),
      }))
    );
    assertEquals(dispatched, false, data.slice(0, 80));
    await assertRejects(() => publish(database, "orders.paid", data), DatabaseRefused, message);
  }
});

function accepts(read: () => unknown): boolean {
  try {
    read();
    return true;
  } catch (error) {
    if (error instanceof InvalidInput || error instanceof Malformed) return false;
    throw error;
  }
}
