/** Handlers of the test app, which misbehave on request.
 * @module
 */
import { trace } from "@opentelemetry/api";
import { writeSync } from "node:fs";
import process from "node:process";
import { setTimeout as nodeTimeout } from "node:timers";
import { setTimeout as delay } from "node:timers/promises";
import type { WorkflowNode, z } from "../../shared/mod.ts";
import { type Context, handle, onEach, Reject, Retry } from "../../workers/mod.ts";
import { UNREADABLE } from "./unreadable.ts";
import * as contracts from "./contracts.ts";

/** The error of `test.fail`. */
class Refusal extends Error {}

async function sleep({ seconds }: { seconds: number }, { signal, log }: Context) {
  log.debug("asleep");
  const began = performance.now();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, seconds * 1000);
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    await promise;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", abort);
  }
  return { slept: (performance.now() - began) / 1000 };
}

function fail({ message }: { message: string }): never {
  throw new Refusal(message, { cause: new TypeError("the cause") });
}

function retry({ countdown }: { countdown?: number | undefined }, { attempt }: Context) {
  if (attempt > 1) return { attempt };
  throw new Retry("not yet", countdown === undefined ? {} : { countdown });
}

function reject({ message }: { message: string }): never {
  throw new Reject(message);
}

function holdUntil(time: number): void {
  while (performance.now() < time);
}

export const sleepHandler = handle(contracts.sleep, sleep);
export const sleepProcessHandler = handle(contracts.sleepProcess, sleep);
export const pauseProcessHandler = handle(
  contracts.pauseProcess,
  async ({ seconds }, { signal }) => {
    await delay(seconds * 1000, undefined, { signal });
    return { slept: seconds };
  },
);
export const failHandler = handle(contracts.fail, fail);
export const failProcessHandler = handle(contracts.failProcess, fail);
export const retryHandler = handle(contracts.retry, retry);
export const retryProcessHandler = handle(contracts.retryProcess, retry);
export const rejectHandler = handle(contracts.reject, reject);
export const rejectProcessHandler = handle(contracts.rejectProcess, reject);

export const flakyHandler = handle(contracts.flaky, ({ failures }, { attempt }) => {
  if (attempt <= failures) throw new Refusal(`attempt ${attempt} of ${failures} that fail`);
  return { attempt };
});

export const blockHandler = handle(contracts.block, ({ seconds = Infinity }) => {
  holdUntil(performance.now() + seconds * 1000);
});

export const blockInlineHandler = handle(contracts.blockInline, ({ milliseconds }) => {
  holdUntil(performance.now() + milliseconds);
});

export const exitHandler = handle(contracts.exit, ({ code }) => Deno.exit(code));

export const hoardHandler = handle(contracts.hoard, () => {
  const hoard: unknown[] = [];
  while (true) hoard.push(new Array(1000).fill({}));
});

async function uncaught(
  { late, times }: { late: boolean; times: number },
  { signal }: Context,
) {
  for (let time = 1; time <= times; time++) {
    nodeTimeout(() => {
      throw new Refusal(`timer ${time}`);
    }, 20);
    nodeTimeout(() => void Promise.reject(new Refusal(`promise ${time}`)), 20);
  }
  if (!late) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return "done";
}

export const uncaughtHandler = handle(contracts.uncaught, uncaught);
export const uncaughtProcessHandler = handle(contracts.uncaughtProcess, uncaught);

function unreadable({ what }: { what: string }): never {
  throw UNREADABLE[what]!();
}

export const unreadableHandler = handle(contracts.unreadable, unreadable);
export const unreadableProcessHandler = handle(contracts.unreadableProcess, unreadable);

export const strayHandler = handle(contracts.stray, () => {
  setTimeout(() => Promise.reject(new Error("stray")));
});

export const corruptHandler = handle(contracts.corrupt, async (_input, { signal }) => {
  writeSync(1, "not a frame");
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
});

export const crashHandler = handle(contracts.crash, ({ always }, { attempt, deliveries }) => {
  if (always || attempt === 1 && deliveries === 1) Deno.kill(Deno.pid, "SIGKILL");
  return { deliveries };
});

async function appearance(file: string): Promise<void> {
  while (!await Deno.stat(file).then(() => true, () => false)) await delay(20);
}

export const countHandler = handle(contracts.count, async ({ file, line, until }) => {
  await Deno.writeTextFile(file, `${line}\n`, { append: true });
  if (until !== undefined) await appearance(until);
});

export const holdHandler = handle(contracts.hold, ({ file }) => appearance(file));

/** Writes to the log, in every worker. */
export const heard = onEach(contracts.happened, ({ data, tenant }) => {
  if (tenant === "broken") throw new Error("a broken listener");
  console.log(`heard ${JSON.stringify(data)}`);
});

export const echoHandler = handle(contracts.echo, ({ value }) => value);
export const echoProcessHandler = handle(contracts.echoProcess, ({ value }) => value);
export const bigHandler = handle(contracts.big, ({ bytes }) => "x".repeat(bytes));
export const bigProcessHandler = handle(contracts.bigProcess, ({ bytes }) => "x".repeat(bytes));

export const typedHandler = handle(contracts.typed, ({ email, since, copies, tags }) => {
  return { email, since: since.toISOString(), copies, tags };
});

function span({ name }: { name: string }): void {
  trace.getTracer("app").startSpan(name).end();
}

export const spanHandler = handle(contracts.span, span);
export const spanProcessHandler = handle(contracts.spanProcess, span);

export const progressHandler = handle(contracts.progress, async (input, { progress }) => {
  const { steps, milliseconds } = input;
  for (let step = 1; step <= steps; step++) {
    progress({ step, steps });
    await new Promise((resolve) => setTimeout(resolve, milliseconds));
  }
  return { steps };
});

export const progressProcessHandler = handle(contracts.progressProcess, ({ steps }, context) => {
  for (let step = 1; step <= steps; step++) context.progress({ step, steps });
  return { steps };
});

export const printHandler = handle(contracts.print, async ({ text }, { log }) => {
  console.log(text);
  console.table([{ text }]);
  await Deno.stdout.write(new TextEncoder().encode(`${text}\n`));
  process.stdout.write(`${text}\n`);
  log.warn("printed {text}", { text });
});

export const permissionsHandler = handle(contracts.permissions, async () => {
  const names = ["read", "write", "net", "env", "run", "sys", "ffi"] as const;
  const states = names.map(async (name) => {
    return [name, (await Deno.permissions.query({ name })).state];
  });
  return Object.fromEntries(await Promise.all(states));
});

export const completeHandler = handle(contracts.complete, async (input, context) => {
  const { seconds, then } = input;
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const { id, deliveries } = context;
  return context.complete(async (sql) => {
    await sql.query("insert into ledger (id) values ($1)", [id]);
    if (then) await sql.query("select celeriac.submit('test.complete', id => $1)", [then]);
    return { deliveries };
  });
});

export const completeProcessHandler = handle(contracts.completeProcess, (_input, { complete }) => {
  return complete(() => 1);
});

export const poisonHandler = handle(contracts.poison, async ({ seconds }, context) => {
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const die = () => Deno.kill(Deno.pid, "SIGKILL");
  if (context.deliveries % 2 === 1) return context.complete(die);
  die();
});

function facts(_input: unknown, context: Context) {
  const { rootId, parentId, groupId, headers, priority, eta, expires, timeLimit, properties } =
    context;
  return {
    ...{ rootId, parentId, groupId, priority, timeLimit, properties },
    // headers may have types that JSON lacks
    headers: Object.entries(headers).map(([name, value]) => [name, typeof value, String(value)]),
    eta: eta instanceof Date ? eta.toISOString() : eta,
    expires: expires instanceof Date ? expires.toISOString() : expires,
  };
}

export const requestHandler = handle(contracts.request, facts);
export const requestProcessHandler = handle(contracts.requestProcess, facts);

async function send(
  { work, replace, key, failures }: z.output<typeof contracts.send.input>,
  context: Context,
) {
  const node = work as unknown as WorkflowNode;
  if (replace) return context.replace(node);
  const sent = await context.submit(node, key === undefined ? {} : { key });
  if (context.attempt <= failures) throw new Refusal(`attempt ${context.attempt}`);
  return sent;
}

export const sendHandler = handle(contracts.send, send);
export const sendProcessHandler = handle(contracts.sendProcess, send);
export const sendConfinedHandler = handle(contracts.sendConfined, send);
