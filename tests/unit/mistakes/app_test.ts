import { assert, assertEquals } from "@std/assert";
import { bindArguments } from "../../../shared/contracts/arguments.ts";
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import { importModule } from "../../../shared/contracts/modules.ts";
import { defineTask, schedule, signature, z } from "../../../shared/mod.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { Handlers } from "../../../workers/handlers.ts";
import { handle } from "../../../workers/mod.ts";
import { messageOf, type Mistake, testMistakes } from "../../support/mistakes.ts";
import { createFixture } from "../api/fixture.ts";

const input = z.object({ x: z.number(), y: z.number().optional() });
const add = defineTask({ name: "add", input });
const addHandler = handle(add, ({ x }) => x);
/** With whatever a person without a type checker writes. */
const task = (more: Record<string, unknown>) => () =>
  defineTask({ name: "t", input, ...more } as Parameters<typeof defineTask>[0]);
const carries = (schema: z.ZodType) => task({ input: z.object({ v: schema }) });
const timed = (more: Record<string, unknown>) => () =>
  schedule({ name: "s", task: add, kwargs: { x: 1 }, ...more } as Parameters<typeof schedule>[0]);

const CONTRACTS: Mistake[] = [
  [
    "Cannot define task 'send mail' because its name is not 1 to 255 letters, digits, '_', '.' or '-', beginning with a letter: rename it",
    task({ name: "send mail" }),
  ],
  [
    "Cannot define task 'undefined' because its name is not 1 to 255 letters, digits, '_', '.' or '-', beginning with a letter: rename it",
    task({ name: undefined }),
  ],
  [
    "Cannot define task 't' because its input is not a zod object: wrap it in z.object({ ... })",
    task({ input: z.string() }),
  ],
  [
    "Cannot define task 't' because its input is not a zod object: wrap it in z.object({ ... })",
    task({ input: undefined }),
  ],
  [
    "Cannot define task 't' because its output is not a zod schema: write one, such as z.string()",
    task({ output: "text" }),
  ],
  [
    "Cannot define task 't' because queue 'mails' is not 'celeriac.' and a name: call it 'celeriac.mails'",
    task({ queue: "mails" }),
  ],
  [
    "Cannot define task 't' because queue 'celeriac.dead' holds the dead letters: choose another",
    task({ queue: "celeriac.dead" }),
  ],
  [
    "Cannot define task 't' because it has no key 'retries': did you mean 'retry'?",
    task({ retries: 3 }),
  ],
  [
    "Cannot define task 't' because it has no key 'timelimit': did you mean 'timeLimit'?",
    task({ timelimit: { hard: 3 } }),
  ],
  [
    "Cannot define task 't' because it has no key 'timeout': did you mean 'timeLimit'?",
    task({ timeout: 3 }),
  ],
  [
    "Cannot define task 't' because it has no key 'colour': choose from name, input, output, queue, retry, timeLimit, rateLimit, run, permissions, sandbox, untrusted, bodyLimit, ignoreResult, keepInput, submits, summary, example",
    task({ colour: "red" }),
  ],
  [
    "Cannot define task 't' because its 'retry' has no key 'maxAttempt': did you mean 'maxAttempts'?",
    task({ retry: { maxAttempt: 3 } }),
  ],
  [
    "Cannot define task 't' because its 'retry' has no key 'retries': did you mean 'maxAttempts'?",
    task({ retry: { retries: 3 } }),
  ],
  [
    "Cannot define task 't' because its 'retry' is not an object: give { maxAttempts, base, cap }",
    task({ retry: 3 }),
  ],
  [
    "Cannot retry by this policy because its maxAttempts 0 is not a whole number from 1: correct it",
    task({ retry: { maxAttempts: 0 } }),
  ],
  [
    "Cannot retry by this policy because its jitter 2 is not a number from 0 to 1: correct it",
    task({ retry: { jitter: 2 } }),
  ],
  [
    "Cannot define task 't' because its 'timeLimit' is not an object: give { soft, hard }",
    task({ timeLimit: 30 }),
  ],
  [
    "Cannot define task 't' because its soft time limit 0 is not a positive number of seconds: correct it",
    task({ timeLimit: { soft: 0 } }),
  ],
  [
    "Cannot define task 't' because its 'timeLimit' has no key 'sofft': did you mean 'soft'?",
    task({ timeLimit: { sofft: 1 } }),
  ],
  [
    "Cannot define task 't' because of its rateLimit: Cannot use 'ten' as a rate limit because it is not of the form '10/s', '10/m' or '10/h': use that form, or 0 for no limit",
    task({ rateLimit: "ten" }),
  ],
  [
    "Cannot define task 't' because run 'proces' is neither 'inline' nor 'process': choose one",
    task({ run: "proces" }),
  ],
  [
    "Cannot define task 't' because it has a sandbox and runs inline, where no limit can be enforced: add run: \"process\"",
    task({ sandbox: { memoryMb: 64 } }),
  ],
  [
    "Cannot define task 't' because it is untrusted and runs inline, in the worker's process: add run: \"process\"",
    task({ untrusted: true }),
  ],
  [
    "Cannot define task 't' because untrusted 'yes' is neither true nor false: choose one",
    task({ run: "process", untrusted: "yes" }),
  ],
  [
    "Cannot define task 't' because its 'sandbox' has no key 'memory': did you mean 'memoryMb'?",
    task({ run: "process", sandbox: { memory: 64 } }),
  ],
  [
    "Cannot define task 't' because its sandbox's memoryMb 1 is not from 16 to 65536: correct it",
    task({ run: "process", sandbox: { memoryMb: 1 } }),
  ],
  [
    "Cannot define task 't' because its 'permissions' has no key 'network': did you mean 'net'?",
    task({ permissions: { network: ["a"] } }),
  ],
  [
    "Cannot define task 't' with these permissions because net is not a list: write net: [\"a\"]",
    task({ permissions: { net: "a" } }),
  ],
  [
    "Cannot define task 't' with these permissions because net entry 'https://a/b' is not a host or host:port: leave scheme and path out, and name each host",
    task({ permissions: { net: ["https://a/b"] } }),
  ],
  [
    "Cannot define task 't' with these permissions because env entry 'A-B' is not the name of one variable: name each",
    task({ permissions: { env: ["A-B"] } }),
  ],
  [
    "Cannot define task 't' with these permissions because native code can end its whole process, and the task runs inline: add run: \"process\"",
    task({ permissions: { ffi: true } }),
  ],
  [
    "Cannot define task 't' because bodyLimit 1mb is not a positive integer of bytes: correct it",
    task({ bodyLimit: "1mb" }),
  ],
  [
    "Cannot define task 't' because ignoreResult 'yes' is neither true nor false: choose one",
    task({ ignoreResult: "yes" }),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.date(): use z.iso.datetime(), or z.coerce.date() where the handler wants a Date",
    carries(z.date()),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v[].on, a z.date(): use z.iso.datetime(), or z.coerce.date() where the handler wants a Date",
    carries(z.array(z.object({ on: z.date() }))),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.bigint(): use z.int(), or z.coerce.bigint() where the handler wants a bigint",
    carries(z.bigint()),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.map(): use z.record() and Object.fromEntries(map)",
    carries(z.map(z.string(), z.string())),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.set(): use z.array() and [...set]",
    carries(z.set(z.string())),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.symbol(): use z.string() or z.enum()",
    carries(z.symbol()),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.undefined(): use z.null(), or leave it out",
    carries(z.undefined()),
  ],
  [
    "Cannot define task 't' because JSON cannot represent input.v, a z.nan(): use z.number().nullable()",
    carries(z.nan()),
  ],
  [
    "Cannot define task 't' because JSON cannot represent output, a z.date(): use z.iso.datetime() and return date.toISOString()",
    task({ output: z.date() }),
  ],
  [
    "Cannot define task 't' because JSON cannot represent output, a z.bigint(): use z.string() and return String(value)",
    task({ output: z.bigint() }),
  ],
  [
    "Cannot define task 't' because JSON cannot represent output, a z.void(): use z.null(), or leave it out",
    task({ output: z.void() }),
  ],
  [
    "Cannot register task 'add' because another contract has that name: rename one of them",
    () => new Registry([add, defineTask({ name: "add", input })]),
  ],
  [
    "Cannot use contracts module './contracts.ts' because it exports no contract: export what defineTask() returns",
    () => Registry.fromModule({ add: () => 1 }, "./contracts.ts"),
  ],
  [
    "Cannot use handlers module './handlers.ts' because it exports no handler: export what handle() returns",
    () => Handlers.fromModule({}, "./handlers.ts", new Registry([add])),
  ],
  [
    "Cannot use handlers module './handlers.ts' because the contracts module has no task 'add': export its contract there",
    () => Handlers.fromModule({ addHandler }, "./handlers.ts", new Registry([])),
  ],
  [
    "Cannot handle task 'add' because two handlers are exported for it: remove one of them",
    () => new Handlers([addHandler, handle(add, () => 1)]),
  ],
  [
    "Cannot handle a task because the first argument is no contract: give what defineTask() returns",
    () => handle({} as typeof add, () => 1),
  ],
  [
    "Cannot handle task 'add' because its handler is no function: give (input, context) => result",
    () => handle(add, 1 as never),
  ],
  [
    "Cannot define schedule 's' because of its cron: Cannot determine the timing because exactly one of `cron` and `every` is required: give one of them",
    timed({ every: 60, cron: "* * * * *" }),
  ],
  [
    "Cannot define schedule 's' because of its cron: Cannot determine the timing because exactly one of `cron` and `every` is required: give one of them",
    timed({}),
  ],
  [
    "Cannot define schedule 's' because of its every: Cannot use interval 0 because it is not 1 to 316224000 seconds: correct it",
    timed({ every: 0 }),
  ],
  [
    "Cannot define schedule 's' because it has no key 'crontab': did you mean 'cron'?",
    timed({ crontab: "* * * * *" }),
  ],
  [
    "Cannot define schedule 's' because of its cron: Cannot use cron '* * *' because it has 3 fields: give five, 'minute hour day-of-month month day-of-week', or one of @yearly, @monthly, @weekly, @daily, @hourly",
    timed({ cron: "* * *" }),
  ],
  [
    "Cannot define schedule 's' because of its cron: Cannot use cron '61 * * * *' because '61' is not a valid minute: give 0 to 59",
    timed({ cron: "61 * * * *" }),
  ],
  [
    "Cannot define schedule 's' because of its cron: Cannot use cron '0 0 31 2 *' because no day matches it: correct it",
    timed({ cron: "0 0 31 2 *" }),
  ],
  [
    "Cannot define schedule 's' because of its timezone: Cannot use timezone 'Mars' because it does not exist: give an IANA name, such as Europe/Berlin or UTC",
    timed({ cron: "* * * * *", timezone: "Mars" }),
  ],
  [
    "Cannot define schedule 's' because missed 'never' is not a policy: choose from skip, once, all",
    timed({ every: 60, missed: "never" }),
  ],
  [
    "Cannot define schedule 's' because its 'options' has no key 'que': did you mean 'queue'?",
    timed({ every: 60, options: { que: "a" } }),
  ],
  [
    "Cannot define schedule 'a b' because of its name: Cannot use name 'a b' because it is not 1 to 200 letters, digits, '_', '.', ':', '@' or '-': rename it",
    timed({ every: 60, name: "a b" }),
  ],
  [
    "Cannot define schedule 's' because of its options.queue: Cannot send task 'shop.pay' because it has neither a contract nor a queue: give its contract, or options.queue",
    timed({ every: 60, task: "shop.pay" }),
  ],
  [
    "Cannot define schedule 's' because of its kwargs.x: Cannot send task 'add' because kwargs.x is invalid: Invalid input: expected number, received string",
    timed({ every: 60, kwargs: { x: "1" } }),
  ],
  [
    "Cannot make a signature of 'add' because it has no key 'inmutable': did you mean 'immutable'?",
    () => signature(add, { x: 1 }, { inmutable: true } as never),
  ],
  [
    "Cannot bind 3 positional arguments to task 'add' because it takes 2 at most: x, y",
    () => bindArguments(add, [1, 2, 3], {}),
  ],
  [
    "Cannot bind argument 'x' of task 'add' because it is given by position and by name: leave one out",
    () => bindArguments(add, [1], { x: 1 }),
  ],
  [
    "Cannot write the value as JSON because it is a Map: give an object, such as Object.fromEntries(map)",
    () => stringifyJson(new Map()),
  ],
  [
    "Cannot write 'rows.0.tags' as JSON because it is a Set: give an array, such as [...set]",
    () => stringifyJson({ rows: [{ tags: new Set() }] }),
  ],
  [
    "Cannot write 'done' as JSON because it is a function: give data",
    () => stringifyJson({ done: () => 1 }),
  ],
  [
    "Cannot write 'rows' as JSON because it is a promise, or a query, that was not awaited: await it",
    () => stringifyJson({ rows: Promise.resolve() }),
  ],
  [
    "Cannot write '0' as JSON because it is an instance of Order: give a plain object, such as { ...it }, or add toJSON()",
    () => stringifyJson([new (class Order {})()]),
  ],
];

const REQUESTS: (readonly [message: string, path: string, body: unknown])[] = [
  [
    "Cannot submit task 'ad' because no contract has that name: did you mean 'add'?",
    "/v1/tasks/ad",
    {
      kwargs: { x: 1, y: 2 },
    },
  ],
  [
    "Cannot accept the body: x: unknown field: arguments belong in 'kwargs'; y: unknown field: arguments belong in 'kwargs'",
    "/v1/tasks/add",
    { x: 1, y: 2 },
  ],
  [
    "Cannot accept the body: kwarg: unknown field: did you mean 'kwargs'?",
    "/v1/tasks/add",
    { kwarg: { x: 1, y: 2 } },
  ],
  [
    "Cannot accept the input of task 'add': kwargs.x: Invalid input: expected number, received string",
    "/v1/tasks/add",
    { kwargs: { x: "1", y: 2 } },
  ],
  ["Cannot accept 'kwargs': expected an object", "/v1/tasks/add", { kwargs: [1, 2] }],
  [
    "Cannot bind 3 positional arguments to task 'add' because it takes 2 at most: x, y",
    "/v1/tasks/add",
    { args: [1, 2, 3] },
  ],
  [
    "Cannot bind argument 'x' of task 'add' because it is given by position and by name: leave one out",
    "/v1/tasks/add",
    { args: [1], kwargs: { x: 1, y: 2 } },
  ],
  [
    "Cannot accept the options: options.countdwn: unknown option: did you mean 'countdown'?",
    "/v1/tasks/add",
    { args: [1, 2], options: { countdwn: 1 } },
  ],
  [
    "Cannot accept the options: options.priority: Too big: expected number to be <=255",
    "/v1/tasks/add",
    { args: [1, 2], options: { priority: 300 } },
  ],
  [
    "Cannot accept 'options.queue': queue 'other' is neither a contract's nor listed in CELERIAC_FOREIGN_QUEUES",
    "/v1/tasks/add",
    { args: [1, 2], options: { queue: "other" } },
  ],
];

testMistakes("contracts, handlers and schedules", CONTRACTS);

Deno.test("mistakes in requests say what is wrong", async () => {
  await using api = await createFixture();
  for (const [message, path, body] of REQUESTS) {
    assertEquals((await (await api.post(path, body)).json()).detail, message);
  }
});

Deno.test("a module that is not there names the setting", async () => {
  const message = await messageOf(() => importModule("file:///nowhere/handlers.ts", "handlers"));
  assert(/^Cannot load handlers module '.*' because Module not found/.test(message), message);
  assert(message.includes(": fix the module or --handlers"), message);
});
