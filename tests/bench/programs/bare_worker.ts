/** The floor of a worker: consume, insert a row, reply if the message asks for it, ack.
 *
 *     deno run -A tests/bench/programs/bare_worker.ts QUEUE PREFETCH [PROMISE]...
 *
 * Reads `AMQP_URL` and `DATABASE_URL`; runs until killed. Like the worker, it batches the messages that
 * arrive during a commit and inserts them with one statement. Each promise of `promises.ts` adds what
 * the worker does to keep it, in the least code. What a measurement never needs ends the loop: invalid
 * messages, copies, errors of handlers.
 * @module
 */
import postgres from "postgres";
import { rawChannel } from "../../support/raw_amqp.ts";
import { type Delivery, readCall, type TaskCall } from "./bare_call.ts";
import { runHandler } from "./bare_handler.ts";
import { BareMetrics } from "./bare_metrics.ts";
import { CLAIM, INTO_RECORD, INTO_ROW, MAKE_TABLE, OVER_PENDING, RELEASE } from "./bare_sql.ts";
import { gathering } from "./gathering.ts";
import type { BarePromise } from "./promises.ts";

const [queue = "", prefetch = "", ...promises] = Deno.args;
const keeps = (promise: BarePromise) => promises.includes(promise);
const database = postgres(Deno.env.get("DATABASE_URL") ?? "", { max: keeps("claim") ? 3 : 1 });
const { channel } = await rawChannel(Deno.env.get("AMQP_URL") ?? "");
const metrics = keeps("metrics") ? new BareMetrics() : undefined;
const NODE = "bare@localhost";

const insert = keeps("first state") ? OVER_PENDING : keeps("record") ? INTO_RECORD : INTO_ROW;
const toRow = keeps("record")
  ? ({ id, name, argsRepr, kwargsRepr, result, startedAt }: TaskCall) => ({
    id,
    name,
    result,
    args_repr: argsRepr,
    kwargs_repr: kwargsRepr,
    started_at: startedAt,
  })
  : ({ id, result }: TaskCall) => ({ id, result });

const settle = gathering(async (calls: TaskCall[]) => {
  const rows = JSON.stringify(calls.map(toRow));
  const stored = await database.unsafe(insert, [rows], { prepare: true });
  if (keeps("first state") && stored.length < calls.length) throw new Error("a task was final");
  for (const { delivery, result } of calls) {
    const { replyTo, correlationId } = delivery.properties;
    if (replyTo) channel.publish("", replyTo, Buffer.from(result), { correlationId });
    channel.ack(delivery);
    metrics?.settled();
  }
  if (keeps("claim")) { for (const { id } of calls) release(id); }
});

const release = gathering(async (ids: string[]) => {
  await database.unsafe(RELEASE, [NODE, ids], { prepare: true });
}, { delayMs: 50 });

const claim = gathering(async (calls: TaskCall[]) => {
  const parameters = [NODE, calls.map(({ id }) => id), calls.map(() => 0)];
  const rows = await database.unsafe(CLAIM, parameters, { prepare: true });
  const records = new Map(rows.map((row) => [row["id"], row]));
  for (const call of calls) {
    const record = records.get(call.id);
    if (record && (record["held"] !== null || record["state"] !== "PENDING")) {
      throw new Error("a copy");
    }
    run(call);
  }
});

function run(call: TaskCall): void {
  if (!keeps("handler")) return settle(call);
  const began = performance.now();
  call.result = runHandler(call);
  metrics?.ran((performance.now() - began) / 1000);
  settle(call);
}

const begin = keeps("claim") ? claim : run;

function receive(delivery: Delivery): void {
  metrics?.received();
  begin(readCall(delivery, keeps("message")));
}

if (!keeps("record")) await database.unsafe(MAKE_TABLE);
await channel.prefetch(Number(prefetch));
await channel.consume(queue, (delivery) => delivery && receive(delivery));
console.log("ready");
