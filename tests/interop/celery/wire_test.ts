/** Our wire format against real Celery, oldest and newest release. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import type { Message } from "../../../shared/broker/message.ts";
import { encodeRevoke } from "../../../shared/celery/control.ts";
import { decodeEvents, encodeEvents, workerEvent } from "../../../shared/celery/event.ts";
import { encodeException, pythonRepr, revoked } from "../../../shared/celery/exception.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { encodeTask } from "../../../shared/celery/message.ts";
import { decodeTask } from "../../../shared/celery/decode.ts";
import type { TaskMessage } from "../../../shared/celery/task_message.ts";
import { repr, reprArgs } from "../../../shared/celery/repr.ts";
import { decodeMeta, type ResultMeta } from "../../../shared/celery/result.ts";
import { type SignatureOptions, toWire } from "../../../shared/celery/signature.ts";
import { InvalidInput, TimeLimitExceeded, WorkerLost } from "../../../shared/errors.ts";
import type { TaskEvent } from "../../../shared/telemetry/events.ts";
import { celeryStack } from "../../support/celery_stacks.ts";
import { Inbox } from "../../support/inbox.ts";
import { freshVhost } from "../../support/servers.ts";
import { stacksHere } from "../../support/stacks_here.ts";

const script = (name: string) => new URL(name, import.meta.url);

/** Values whose representations are within and above the budget. */
function values(): { short: unknown[]; long: unknown[] } {
  const words = "word ".repeat(300);
  const short = [
    1,
    -1.5,
    1e-5,
    1.25e-7,
    0.0001,
    1e22,
    1.5e300,
    true,
    null,
    "it's",
    "a\nb\tü\\😀",
    "",
    [],
    {},
    [[[[1]]], { a: { b: { c: { d: 1 } } } }],
    [{ k: "v", "it's": [null, false] }],
  ];
  const long: unknown[] = [words, [words, words], { a: words, b: [1, [2, 3]] }, { [words]: 1 }];
  long.push(Array(600).fill([1]), Array(600).fill({ k: "v" }), { a: [[Array(300).fill(12)]] });
  for (let length = 1005; length < 1030; length++) {
    const text = "y".repeat(length);
    long.push(text, [text, { a: [1] }, [2, [3]], "zz"], { k: text, l: [[]], m: 1 }, [[[text]], 5]);
  }
  return { short, long };
}

const received = {
  type: "task-received",
  id: "ok",
  name: "add",
  queue: "q",
  args: "(2, 2)",
  kwargs: "{}",
  rootId: "ok",
  parentId: null,
  retries: 0,
  eta: null,
  expires: null,
  redelivered: false,
} as const;

const events: TaskEvent[] = [
  received,
  { type: "task-started", id: "ok", name: "add" },
  { type: "task-progress", id: "ok", name: "add", progress: { done: 0.5 } },
  { type: "task-succeeded", id: "ok", name: "add", result: "4", runtime: 0.5 },
  {
    type: "task-failed",
    id: "bad",
    name: "add",
    exception: "E('x')",
    traceback: null,
    runtime: null,
  },
  { type: "task-retried", id: "again", name: "add", exception: "E('x')", traceback: "T", delay: 1 },
  { type: "task-revoked", id: "revoked", name: "add", expired: false, terminated: true },
  { ...received, id: "later" },
  { type: "task-deferred", id: "later", name: "add", until: new Date(0), why: "early" },
  { ...received, id: "later" },
  { type: "task-started", id: "later", name: "add" },
  { type: "task-rejected", id: "odd", name: null, reason: "malformed", message: "m" },
  { type: "task-rejected", id: null, name: null, reason: "malformed", message: "m" },
];

const node = { hostname: "celeriac@host", pid: 1, clock: () => 1 };
const load = {
  freq: 5,
  active: 0,
  processed: 0,
  loadavg: [0, 0, 0],
  version: "0",
  system: "Linux",
};
const parsed = ({ body }: Message) => JSON.parse(new TextDecoder().decode(body));

for (const name of await stacksHere()) {
  Deno.test(`Celery (${name}) reads our values like its own`, async () => {
    const stack = await celeryStack(name);
    const { short, long } = values();
    // Celery 5.2 leaves brackets open when the budget is exhausted; we close them like 5.7.
    const all = name === "c52" ? short : [...short, ...long];
    const lists = all.filter((value) => Array.isArray(value));
    const errors = [
      new TypeError("it's\n"),
      new InvalidInput("bad"),
      new TimeLimitExceeded(2),
      new WorkerLost("w"),
      new Error("e"),
    ];
    const exceptions = [...errors.map(encodeException), revoked("expired")];
    const eta = new Date("2030-01-02T03:04:05Z");
    const signature = {
      task: "add",
      args: [1],
      kwargs: {},
      options: { taskId: "1", eta, groupIndex: 2 },
    };
    const chain = {
      ...signature,
      task: "celery.chain",
      args: [],
      kwargs: { tasks: [toWire(signature)] },
      subtaskType: "chain",
    };
    const timed = events.map((event) => ({ event, timestamp: 1795453470.5 }));
    const online = workerEvent("worker-online", { ...load, timestamp: 1795453470.5 }, node);
    const given = {
      values: all,
      lists,
      events: [parsed(online), ...parsed(encodeEvents(timed, node))],
      exceptions,
      signatures: [toWire(signature), toWire(chain)],
      json: [stringifyJson([2n ** 60n, NaN, "\ud800\0", 1e20, new Uint8Array([97])])],
    };
    const file = await Deno.makeTempFile({ suffix: ".json" });
    await Deno.writeTextFile(file, stringifyJson(given));
    const read = JSON.parse(await stack.run(script("codec.py"), [file]));
    await Deno.remove(file);

    assertEquals(all.map((value) => repr(value)), read["saferepr"]);
    assertEquals(lists.map((value) => reprArgs(value as unknown[])), read["tuples"]);
    assertEquals(read["exceptions"], [
      ["builtins", "TypeError", ["it's\n"], `TypeError("it's\\n")`],
      ["builtins", "ValueError", ["bad"], "ValueError('bad')"],
      ["billiard.exceptions", "TimeLimitExceeded", [2], "TimeLimitExceeded(2)"],
      ["billiard.exceptions", "WorkerLostError", ["w"], "WorkerLostError('w')"],
      ["celery.exceptions", "Error", ["e"], "Error('e')"],
      ["celery.exceptions", "TaskRevokedError", ["expired"], "TaskRevokedError('expired')"],
    ]);
    assertEquals(
      exceptions.map(pythonRepr),
      read["exceptions"].map((exception: unknown[]) => exception[3]),
    );
    assertEquals(read["signatures"], [
      ["Signature", "add", [1], {
        task_id: "1",
        eta: "2030-01-02T03:04:05.000000+00:00",
        group_index: 2,
      }],
      ["_chain", "celery.chain", [], {
        task_id: "1",
        eta: "2030-01-02T03:04:05.000000+00:00",
        group_index: 2,
      }],
    ]);
    assertEquals(read["json"], ["[1152921504606846976, None, '\ufffd\\x00', 1e+20, 'YQ==']"]);

    const { tasks, workers, lines } = read["events"];
    assertEquals(tasks["ok"], { name: "add", state: "SUCCESS", args: "(2, 2)", result: "4" });
    const states = Object.entries(tasks).map((
      [id, task],
    ) => [id, (task as { state: string }).state]);
    assertEquals(Object.fromEntries(states), {
      ok: "SUCCESS",
      bad: "FAILURE",
      again: "RETRY",
      revoked: "REVOKED",
      later: "STARTED",
      odd: "REJECTED",
    });
    assertEquals(workers, ["celeriac@host"]);
    assertEquals(lines.length, events.length); // one without an id is left out, one of the worker comes on top
  });

  Deno.test(`messages of Celery (${name}) are decoded`, async () => {
    const stack = await celeryStack(name);
    await using vhost = await freshVhost({ defaultQueueType: "classic" });
    await using broker = new AmqpBroker({ url: vhost.url, name: "wire test" });
    await broker.start();
    await broker.connected();
    const queue = { name: "to-us", type: "classic" } as const;
    const exchange = { name: "to-us", type: "direct", durable: true } as const;
    const binding = { exchange: "to-us", queue: "to-us", routingKey: "to-us" };
    await broker.declare({ exchanges: [exchange], queues: [queue], bindings: [binding] });

    const said = await stack.run(script("publish.py"), [queue.name, name], { url: vhost.url });
    const ids: Record<string, string> = JSON.parse(said);
    const inbox = new Inbox<Message>();
    await broker.consume(queue.name, (delivery) => {
      inbox.put(delivery.message);
      delivery.ack();
    }, { prefetch: 100 });
    const messages = await inbox.take(Object.keys(ids).length);
    const tasks = messages.map(decodeTask);
    const task = (kind: string): TaskMessage => {
      const found = tasks.find(({ id }) => id === ids[kind]);
      if (!found) throw new Error(`there is no message '${kind}'`);
      return found;
    };

    for (
      const [kind, options] of Object.entries<SignatureOptions>({
        delay: {},
        keywords: {},
        options: {
          priority: 5,
          shadow: "shown",
          retries: 3,
          timeLimit: 600,
          softTimeLimit: 540.5,
          ignoreResult: true,
          headers: task("options").headers,
        },
        member: { group: "g1", groupIndex: 1, chord: task("member").embed.chord! },
        stamped: { stamps: task("stamped").stamps },
      })
    ) {
      const theirs = messages[tasks.indexOf(task(kind))]!;
      assertEquals(ourWords(theirs, task(kind), options), theirWords(theirs), kind);
    }

    const plain = task("delay");
    assertEquals([plain.task, plain.args, plain.kwargs], ["proj.add", [2, 2], {}]);
    assertEquals([plain.argsRepr, plain.kwargsRepr, plain.rootId], ["(2, 2)", "{}", plain.id]);
    assertEquals([plain.correlationId, plain.ignoreResult], [plain.id, false]);
    assertMatch(plain.origin ?? "", /^gen\d+@/);
    assertEquals(task("keywords").kwargs, { x: 1, y: "ü😀" });
    assertEquals(task("by_name").ignoreResult, name === "c57" ? null : false);
    assertEquals(task("compressed").args, ["x".repeat(1000), "y"]);
    assertEquals(task("bzip2").args, ["x".repeat(1000), "y"]);

    const options = task("options");
    assertEquals(options.eta, new Date("2030-01-02T01:04:05.678Z"));
    assertEquals(options.expires, new Date("2031-01-02T00:00:00Z"));
    assertEquals([options.priority, options.shadow, options.retries], [5, "shown", 3]);
    assertEquals([options.timeLimit, options.softTimeLimit], [600, 540.5]);
    assertEquals(options.ignoreResult, true);
    assertEquals(options.headers, {
      tenant: "a",
      big: 2 ** 40,
      negative: -5,
      small: 200,
      list: [1, { a: 300 }],
    });
    assertEquals(task("naive").eta, new Date("2030-01-02T03:04:05Z"));

    const next = (args: unknown[]) => ({ task: "proj.add", args });
    const shape = (signatures: readonly unknown[] | null) =>
      signatures?.map((signature) => {
        const { task, args } = signature as { task: string; args: unknown[] };
        return { task, args };
      });
    assertEquals(shape(task("linked").embed.callbacks), [next([1])]);
    assertEquals(task("linked").embed.errbacks?.length, 1);
    const [first] = tasks.filter(({ embed }) => (embed.chain?.length ?? 0) > 0);
    assertEquals(shape(first?.embed.chain ?? null), [next([8]), next([4])]); // in reverse order
    const member = task("member");
    assertEquals([member.group, member.groupIndex], ["g1", 1]);
    assertEquals(shape([member.embed.chord]), [{ task: "proj.echo", args: [] }]);

    assertEquals(task("stamped").stamps, name === "c57" ? { tenant: "a" } : {});

    const typed = [
      "2026-01-02T03:04:05Z",
      name === "c57" ? "2026-01-02" : "2026-01-02T00:00:00",
      "03:04:00",
      "1.5",
      "00000000-0000-0000-0000-000000000005",
      2n ** 60n,
      NaN,
      -Infinity,
      ...name === "c57" ? ["YWJj", "/wBhYg=="] : [],
    ];
    assertEquals(task("typed").args, typed);

    const old = task("protocol1");
    assertEquals([old.task, old.args, old.group, old.timeLimit], ["proj.add", [2, 2], "g1", 60]);
    assertEquals(shape(old.embed.callbacks), [next([1])]);
  });

  Deno.test(`a worker of Celery (${name}) runs our messages and stays up`, async () => {
    const stack = await celeryStack(name);
    await using vhost = await freshVhost({ defaultQueueType: "classic" });
    await using broker = new AmqpBroker({ url: vhost.url, name: "wire test" });
    await broker.start();
    await broker.connected();
    const control = name === "c57";
    await using worker = await stack.worker(script("app.py"), {
      url: vhost.url,
      flags: ["-E", "--without-mingle", "--without-gossip"],
      env: { CONTROL: control ? "1" : "0" },
    });
    const heard = new Inbox<string>();
    await broker.listen("celeryev", (message) => {
      for (const { type } of decodeEvents(message)) if (type.startsWith("task-")) heard.put(type);
    }, { keys: ["#"] });
    let count = 0;
    const call = (task: string, args: unknown[], options: SignatureOptions = {}) =>
      answer(broker, task, args, { ...options, taskId: `id-${++count}` });

    const plain = await call("proj.add", [2, 2]);
    assertEquals([plain.state, plain.result], ["SUCCESS", "4"]);
    assertEquals(await heard.take(3), ["task-received", "task-started", "task-succeeded"]);

    const numbers = await call("proj.request", [], {
      retries: 200,
      timeLimit: 600,
      softTimeLimit: 540,
      group: "g",
      groupIndex: 300,
      parentId: "p",
      shadow: "shown",
      stamps: { number: 200 },
      headers: { small: 200, middle: 300, negative: -5, big: 2 ** 40, nested: [[200], { a: 300 }] },
    });
    assertEquals(JSON.parse(numbers.result ?? ""), {
      id: "id-2",
      retries: 200,
      timelimit: [600, 540],
      group: "g",
      group_index: 300,
      root_id: "id-2",
      parent_id: "p",
      shadow: "shown",
      small: 200,
      middle: 300,
      negative: -5,
      big: 2 ** 40,
      nested: [[200], { a: 300 }],
    });

    const failed = await call("proj.fail", ["boom"]);
    assertEquals([failed.state, failed.exception && pythonRepr(failed.exception)], [
      "FAILURE",
      "ValueError('boom')",
    ]);
    assertMatch(failed.traceback ?? "", /^Traceback .*ValueError: boom\s*$/s);

    const odd = [2n ** 60n, "\0\u2028😀", [null, { a: 1.5 }], new Uint8Array([97])];
    const echoed = await call("proj.echo", odd);
    assertEquals(echoed.result, stringifyJson([odd, {}]));

    if (control) {
      await broker.publish(encodeRevoke([`id-${count + 1}`]), { mandatory: false });
      await worker.said(/flagged as revoked/);
      const gone = await call("proj.add", [2, 2]);
      assertEquals([gone.state, gone.exception], ["REVOKED", revoked("revoked")]);
    }
    assertEquals((await call("proj.add", [3, 3])).result, "6");
    assert(worker.running);
    assert(!/Unrecoverable error|Connection to broker lost/.test(worker.output), worker.output);
  });
}

/** Headers that Celery 5.2 does not have yet. */
const NEW_HEADERS = ["replaced_task_nesting", "stamped_headers", "stamps"];
/** What Celery writes in the headers that we leave out, and assumes without them. */
const DEFAULTS = {
  shadow: null,
  group: null,
  group_index: null,
  retries: 0,
  timelimit: [null, null],
  parent_id: null,
  ignore_result: null,
  replaced_task_nesting: 0,
  stamped_headers: null,
  stamps: {},
};
/** Times are compared separately: Python's have microseconds and the sender's offset. */
const TIMES = ["eta", "expires"];

/** The parts of Celery's message that must be equal to ours. */
function theirWords({ headers, properties, body }: Message) {
  const { expiration: _, ...rest } = properties;
  return { headers: { ...without(headers, TIMES), lang: "js" }, properties: rest, ...json(body) };
}

/** Our equivalent message. */
function ourWords(theirs: Message, task: TaskMessage, options: SignatureOptions) {
  const { id, args, kwargs, ignoreResult, origin } = task;
  const replyTo = theirs.properties.replyTo;
  const given = { ignoreResult, ...options, taskId: id, ...(replyTo ? { replyTo } : {}) };
  const { headers, properties, body } = encodeTask(
    { task: task.task, args: args as unknown[], kwargs, options: given },
    { origin: origin ?? "", destination: { exchange: "", routingKey: "to-us" }, now: new Date() },
  );
  const unknown = NEW_HEADERS.filter((name) => !(name in theirs.headers));
  const all = { ...DEFAULTS, ...headers };
  return { headers: without(all, [...TIMES, ...unknown]), properties, ...json(body) };
}

function without(headers: Message["headers"], names: readonly string[]) {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !names.includes(name)));
}

function json(body: Uint8Array): { body: unknown } {
  return { body: JSON.parse(new TextDecoder().decode(body)) };
}

/** Sends a task to the workers' queue and waits for the final state via direct reply-to. */
async function answer(
  broker: AmqpBroker,
  task: string,
  args: unknown[],
  options: SignatureOptions & { taskId: string },
): Promise<ResultMeta> {
  const message = encodeTask({ task, args, kwargs: {}, options }, {
    origin: "gen1@host",
    destination: { exchange: "", routingKey: "celery" },
    now: new Date(),
  });
  const { promise, resolve } = Promise.withResolvers<ResultMeta>();
  const { signal } = new AbortController();
  const receive = (reply: Message) => resolve(decodeMeta(reply.body));
  await broker.publish(message, { reply: { signal, receive } });
  return await promise;
}
