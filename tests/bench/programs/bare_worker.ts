/** The floor of a worker: consume, insert a row, reply if the message asks for it, ack.
 *
 *     deno run -A tests/bench/programs/bare_worker.ts QUEUE PREFETCH record|row
 *
 * Reads `AMQP_URL` and `DATABASE_URL`; runs until killed. Like the worker, it batches the messages that
 * arrive during a commit and inserts them with one statement: as the record that the
 * worker writes, into the worker's own table, or as a row of three columns into a table without
 * partitions and further indexes.
 * @module
 */
import postgres from "postgres";
import { rawChannel } from "../../support/raw_amqp.ts";

const [queue = "", prefetch = "", kind = ""] = Deno.args;
const database = postgres(Deno.env.get("DATABASE_URL") ?? "", { max: 1 });
const { channel } = await rawChannel(Deno.env.get("AMQP_URL") ?? "");

const intoRow = `
INSERT INTO bare (id, state, result)
SELECT id, 'SUCCESS', result::json
FROM unnest($1::text[], $2::text[]) AS settled (id, result)
ON CONFLICT (id) DO NOTHING`;

const intoRecord = `
INSERT INTO celeriac.task (
  id, name, state, queue, worker, args_repr, kwargs_repr, result, deliveries, started_at, finished_at
)
SELECT id, 'add', 'SUCCESS', 'celeriac.default', 'bare@localhost', '(1, 1)', '{}', result::json, 1, now(), now()
FROM unnest($1::text[], $2::text[]) AS settled (id, result)
ON CONFLICT (id) DO NOTHING`;

const makeTable =
  "CREATE TABLE bare (id text PRIMARY KEY, state text, result json, finished_at timestamptz DEFAULT now())";

const insert = kind === "record" ? intoRecord : intoRow;

type Delivery = NonNullable<Parameters<Parameters<typeof channel.consume>[1]>[0]>;

let gathered: Delivery[] = [];
let committing = false;

async function commit(): Promise<void> {
  committing = true;
  while (gathered.length > 0) {
    const batch = gathered;
    gathered = [];
    const ids = batch.map((delivery) => String(delivery.properties.correlationId));
    const values = [ids, batch.map(() => "3")];
    await database.unsafe(insert, values, { prepare: true });
    for (const delivery of batch) {
      const { replyTo, correlationId } = delivery.properties;
      if (replyTo) channel.publish("", replyTo, Buffer.from("3"), { correlationId });
      channel.ack(delivery);
    }
  }
  committing = false;
}

if (kind !== "record") await database.unsafe(makeTable);
await channel.prefetch(Number(prefetch));
await channel.consume(queue, (delivery) => {
  if (!delivery) return;
  gathered.push(delivery);
  if (!committing) queueMicrotask(commit);
  committing = true;
});
console.log("ready");
