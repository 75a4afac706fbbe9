/** No message of ours crashes a Python worker: an old and a new release run it, whatever its headers and body contain. */
import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { HeaderValue, Message } from "../../../shared/broker/message.ts";
import { parseJson, stringifyJson } from "../../../shared/celery/python_json.ts";
import { encodeTask } from "../../../shared/celery/message.ts";
import { decodeMeta, type ResultMeta } from "../../../shared/celery/result.ts";
import type { SignatureOptions } from "../../../shared/celery/signature.ts";
import { InvalidInput } from "../../../shared/errors.ts";
import { celeryStack } from "../../support/celery_stacks.ts";
import { freshVhost } from "../../support/servers.ts";
import { stacksHere } from "../../support/stacks_here.ts";

const RUNS = 400;
/** A fixed seed generates the same messages each time. Change it to try others. */
const SEED = Number(Deno.env.get("CELERIAC_TEST_SEED") ?? 57);

const text = fc.string({ unit: "binary", maxLength: 40 });
const word = fc.string({ minLength: 1, maxLength: 20, unit: "grapheme-ascii" });
const json = fc.jsonValue({ maxDepth: 4, stringUnit: "binary" });

/** Integers around the boundaries of their notations. */
const integer = fc.oneof(
  fc.constantFrom(
    0,
    127,
    128,
    200,
    255,
    256,
    300,
    511,
    32_767,
    32_768,
    65_535,
    65_536,
    2 ** 31 - 1,
  ),
  fc.constantFrom(2 ** 31, 2 ** 32, 2 ** 40, Number.MAX_SAFE_INTEGER, -1, -5, -128, -129, -200),
  fc.constantFrom(-32_768, -32_769, -(2 ** 31)),
  fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
);
const { header } = fc.letrec<{ header: HeaderValue }>((tie) => ({
  header: fc.oneof(
    { depthSize: "small" },
    integer,
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    text,
    fc.boolean(),
    fc.constant(null),
    fc.array(tie("header"), { maxLength: 4 }),
    fc.dictionary(word, tie("header"), { maxKeys: 4 }),
  ),
}));

const count = fc.integer({ min: 0, max: 100_000 });
const seconds = fc.oneof(count.map((n) => n + 60), fc.double({ min: 60, max: 1e6, noNaN: true }));
const options: fc.Arbitrary<SignatureOptions> = fc.record({
  retries: count,
  group: word,
  groupIndex: count,
  priority: fc.integer({ min: 0, max: 255 }),
  rootId: word,
  parentId: word,
  shadow: text,
  timeLimit: seconds,
  softTimeLimit: seconds,
  replacedTaskNesting: count,
  expires: fc.oneof(
    seconds,
    fc.date({ min: new Date("2030-01-01"), max: new Date("2035-01-01"), noInvalidDate: true }),
  ),
  eta: fc.date({ min: new Date("2000-01-01"), max: new Date("2026-01-01"), noInvalidDate: true }),
  stamps: fc.dictionary(word, header, { maxKeys: 3 }),
  headers: fc.dictionary(word, header, { maxKeys: 5 }),
}, { requiredKeys: [] });

for (const name of await stacksHere()) {
  Deno.test(`a worker of Celery (${name}) runs arbitrary messages of ours and stays up`, async () => {
    const stack = await celeryStack(name);
    await using vhost = await freshVhost({ defaultQueueType: "classic" });
    await using broker = new AmqpBroker({ url: vhost.url, name: "property test" });
    await broker.start();
    await broker.connected();
    await using worker = await stack.worker(new URL("app.py", import.meta.url), {
      url: vhost.url,
      flags: ["-E", "--without-mingle", "--without-gossip"],
      env: { CONTROL: "0" },
    });
    let sent = 0;
    let refused = 0;

    const call = fc.tuple(
      fc.array(json, { maxLength: 5 }),
      fc.dictionary(word, json, { maxKeys: 4 }),
      options,
    );
    await fc.assert(
      fc.asyncProperty(call, async ([args, kwargs, given]) => {
        const taskId = `property-${++sent}`;
        const message = encodedOrRefused(args, kwargs, { ...given, taskId });
        if (!message) return void refused++;
        const meta = await answered(broker, message);
        assertEquals(meta.state, "SUCCESS", `${JSON.stringify(given)} ${meta.traceback}`);
        assertEquals(parseJson(meta.result!), parseJson(stringifyJson([args, kwargs])));
      }),
      { numRuns: RUNS, seed: SEED, endOnFailure: true },
    );

    assert(
      sent === RUNS && refused < RUNS / 10,
      `${refused} of ${sent} were refused: the property tells little`,
    );
    assert(worker.running);
    assert(!/Unrecoverable error|Connection to broker lost/.test(worker.output), worker.output);
  });
}

function encodedOrRefused(
  args: unknown[],
  kwargs: Record<string, unknown>,
  options: SignatureOptions & { taskId: string },
): Message | undefined {
  try {
    return encodeTask({ task: "proj.echo", args, kwargs, options }, {
      origin: "gen1@host",
      destination: { exchange: "", routingKey: "celery" },
      now: new Date(),
    });
  } catch (error) {
    if (error instanceof InvalidInput) return undefined;
    throw error;
  }
}

/** The worker's reply to the message. */
async function answered(broker: AmqpBroker, message: Message): Promise<ResultMeta> {
  const { promise, resolve, reject } = Promise.withResolvers<ResultMeta>();
  const over = new AbortController();
  const late = setTimeout(
    () => reject(new Error(`No answer to ${stringifyJson(message.headers)}`)),
    60_000,
  );
  try {
    const receive = (reply: Message) => resolve(decodeMeta(reply.body));
    await broker.publish(message, { reply: { signal: over.signal, receive } });
    return await promise;
  } finally {
    clearTimeout(late);
    over.abort();
  }
}
