/** Handlers that try to escape from their sandbox.
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import crypto from "node:crypto";
import { EventEmitter } from "node:events";
import fs, { writeSync } from "node:fs";
import process from "node:process";
import timers from "node:timers";
import { setTimeout as sleep } from "node:timers/promises";
import { Worker as NodeWorker } from "node:worker_threads";
import { handle } from "../../workers/mod.ts";
import { makeDeepFolder } from "./deep_folder.ts";
import * as contracts from "./hostile_contracts.ts";

const never = new Promise<never>(() => {});
let counter = 0;

export const readFile = handle(contracts.readFile, ({ target }) => Deno.readTextFile(target));

export const swallowedRead = handle(contracts.swallowedRead, ({ target }) => {
  try {
    return Deno.readTextFileSync(target);
  } catch {
    return "nothing to see";
  }
});

export const writeFile = handle(
  contracts.writeFile,
  ({ target }) => Deno.writeTextFile(target, "here I was"),
);

export const environment = handle(contracts.environment, ({ target }) => Deno.env.get(target));

export const connect = handle(contracts.connect, async ({ target }) => {
  const [hostname = "", port] = target.split(":");
  using connection = await Deno.connect({ hostname, port: Number(port) });
  return connection.remoteAddr;
});

export const fetchUrl = handle(contracts.fetchUrl, async ({ target }) => {
  return await (await fetch(target)).text();
});

export const subprocess = handle(contracts.subprocess, ({ target }) => {
  return new TextDecoder().decode(new Deno.Command(target).outputSync().stdout);
});

export const signalParent = handle(contracts.signalParent, () => process.kill(process.ppid, 9));

export const library = handle(contracts.library, ({ target }) => {
  Deno.dlopen(target, {});
});

export const importRemote = handle(contracts.importRemote, ({ target }) => import(target));

export const machine = handle(contracts.machine, () => Deno.hostname());

export const store = handle(contracts.store, () => {
  const names = ["localStorage", "sessionStorage", "caches", "BroadcastChannel"];
  return names.filter((name) => name in globalThis);
});

export const timerBomb = handle(contracts.timerBomb, () => {
  const bomb = () => {
    setTimeout(bomb);
    setTimeout(bomb);
    const ballast = new Array(1000).fill(0);
    setTimeout(() => bomb.call(ballast));
  };
  bomb();
  return never;
});

export const leftTimers = handle(contracts.leftTimers, () => {
  for (let count = 0; count < 1000; count++) setInterval(() => counter++);
  return "gone";
});

export const writeChannel = handle(contracts.writeChannel, () => {
  writeSync(1, "\0\0\0\x04true");
  return never;
});

/** Leaves code that sends a forged result for the next task. */
export const forgeResult = handle(contracts.forgeResult, () => {
  const body = new TextEncoder().encode(
    JSON.stringify({ type: "done", run: "2", result: '"forged"', clean: true }),
  );
  const frame = new Uint8Array(4 + body.length);
  new DataView(frame.buffer).setUint32(0, body.length);
  frame.set(body, 4);
  const forge = () => {
    writeSync(1, frame);
    void Promise.resolve().then(() => queueMicrotask(() => {}));
  };
  const loop = async () => {
    for (let round = 0; round < 50; round++) {
      await new Promise((resolve) => {
        const port = new MessageChannel();
        port.port1.onmessage = () => {
          port.port1.close();
          resolve(undefined);
        };
        port.port2.postMessage(null);
      });
      if (round > 2) forge();
    }
  };
  void loop();
  return "left something";
});

export const pollute = handle(contracts.pollute, () => {
  Reflect.set(Object.prototype, "isAdmin", true);
  return "polluted";
});

export const waitForEver = handle(contracts.waitForEver, () => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
});

export const unhandled = handle(contracts.unhandled, () => {
  void Promise.reject(new RangeError("nobody listens"));
  return never;
});

export const uncaught = handle(contracts.uncaught, () => {
  setTimeout(() => {
    throw new RangeError("nobody catches");
  });
  return never;
});

export const endlessOutput = handle(contracts.endlessOutput, () => {
  while (true) console.log("x".repeat(4000));
});

export const endlessProgress = handle(contracts.endlessProgress, (_input, { progress }) => {
  for (let step = 0;; step++) progress({ step });
});

export const bigResult = handle(contracts.bigResult, () => "x".repeat(3 * 2 ** 20));

export const heapBomb = handle(contracts.heapBomb, () => {
  const hoard: unknown[] = [];
  while (true) hoard.push(new Array(1000).fill({}));
});

export const bufferBomb = handle(contracts.bufferBomb, async () => {
  const hoard: Uint8Array[] = [];
  while (true) {
    hoard.push(new Uint8Array(2 ** 20).fill(1));
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
});

export const burn = handle(contracts.burn, () => {
  while (true);
});

export const workers = handle(contracts.workers, () => {
  const source = `const hoard = []; while (true) hoard.push(new Uint8Array(2 ** 20).fill(1));`;
  for (let count = 0; count < 4; count++) {
    new Worker(`data:text/javascript,${encodeURIComponent(source)}`, { type: "module" });
  }
  return never;
});

export const granted = handle(contracts.granted, async ({ target }) => {
  const before = Array.from(Deno.readDirSync("."), ({ name }) => name);
  await Deno.writeTextFile("note.txt", "mine");
  const answer = target && await (await fetch(target)).text();
  return {
    before,
    note: await Deno.readTextFile("note.txt"),
    folder: Deno.cwd(),
    variable: Deno.env.get("CELERIAC_TEST_GRANTED"),
    hostname: Deno.hostname(),
    answer,
  };
});

export const deepFolder = handle(contracts.deepFolder, () => {
  makeDeepFolder(".", 12_000);
  return never;
});

export const longPaths = handle(contracts.longPaths, () => {
  const chain = Array(15).fill("x".repeat(200)).join("/");
  for (const name of ["a", "b"]) Deno.mkdirSync(`${name}/${chain}`, { recursive: true });
  Deno.renameSync("a", `b/${chain}/a`);
  return never;
});

export const manyFiles = handle(contracts.manyFiles, () => {
  Deno.mkdirSync("below");
  for (let count = 0; count < 501; count++) Deno.writeTextFileSync(`below/${count}`, "");
  return never;
});

export const manyFilesAtOnce = handle(contracts.manyFilesAtOnce, () => {
  for (let count = 0; count < 2000; count++) Deno.writeTextFileSync(String(count), "");
});

export const bigFile = handle(contracts.bigFile, async () => {
  await Deno.writeFile("big", new Uint8Array(3 * 2 ** 20).fill(1));
  return never;
});

/** Creates a sparse file of 1 TiB with ten names. */
export const sparseFile = handle(contracts.sparseFile, async () => {
  using file = await Deno.create("sparse");
  await file.truncate(2 ** 40);
  for (let count = 0; count < 10; count++) await Deno.link("sparse", `name ${count}`);
  await new Promise((resolve) => setTimeout(resolve, 1000)); // long enough to be measured
  return "kept";
});

export const litter = handle(contracts.litter, () => {
  const before = Array.from(Deno.readDirSync("."), ({ name }) => name);
  for (const name of ["a\nb", "-rf", " ", "*", "$(touch x)"]) {
    Deno.mkdirSync(`${name}/${name}`, { recursive: true });
  }
  Deno.chmodSync("-rf", 0);
  return before;
});

const kept: unknown[] = [];

/** State that a task can leave, by name. */
const LEFT: Readonly<Record<string, () => unknown>> = {
  worker: () => new Worker(READER, { type: "module" }),
  subclass: () => new (class extends Worker {})(READER, { type: "module" }),
  nodeWorker: () => new NodeWorker("setInterval(() => {}, 1)", { eval: true, env: {} }),
  burningWorker: () => new Worker("data:text/javascript,while(true);", { type: "module" }),
  channel: () => kept.push(new MessageChannel()),
  signal: () => Deno.addSignalListener("SIGUSR1", () => {}),
  exitListener: () => process.on("exit", () => {}),
  rejectionListener: () => process.on("unhandledRejection", () => {}),
  globalListener: () => addEventListener("error", (event) => event.preventDefault()),
  response: async () => kept.push(await fetch("data:,unread")),
  objectGetter: () => Object.defineProperty(Object.prototype, "then", { get: () => undefined }),
  toJSON: () => Reflect.set(Object.prototype, "toJSON", () => "forged"),
  stringify: () => Reflect.set(JSON, "stringify", () => "{}"),
  parse: () => Reflect.set(JSON, "parse", () => ({})),
  promiseThen: () => wrap(Promise.prototype, "then"),
  arrayPush: () => wrap(Array.prototype, "push"),
  mapGet: () => wrap(Map.prototype, "get"),
  nan: () => Reflect.set(Math, "random", NaN),
  encode: () => wrap(TextEncoder.prototype, "encode"),
  fetch: () => wrap(globalThis, "fetch"),
  response2: () => wrap(Response.prototype, "json"),
  denoReadFile: () => wrap(Deno, "readFile"),
  console: () => wrap(console, "log"),
  intl: () => wrap(Intl.NumberFormat.prototype, "formatToParts"),
  nodeTimers: () => wrap(timers, "setTimeout"),
  nodeFs: () => wrap(fs, "readFileSync"),
  nodeCrypto: () => wrap(crypto, "randomUUID"),
  nodeEvents: () => wrap(EventEmitter.prototype, "emit"),
  asyncContext: () => wrap(AsyncLocalStorage.prototype, "run"),
};

/** Reads the worker's messages to the next task. */
const READER = `data:text/javascript,${
  encodeURIComponent("for (;;) if (!Deno.stdin.readSync(new Uint8Array(9999))) break;")
}`;

/** Replaces a function by an equivalent one. */
function wrap(object: object, name: string): void {
  const old = Reflect.get(object, name);
  Reflect.set(object, name, function (this: unknown, ...given: unknown[]) {
    return Reflect.apply(old, this, given);
  });
}

/** Harmless leftovers of a task. */
const ENDED: Readonly<Record<string, () => unknown>> = {
  nothing: () => {},
  timers: () => {
    setTimeout(() => counter++);
    timers.setInterval(() => {
      throw new RangeError("late");
    });
    Deno.unrefTimer(setInterval(() => counter++));
    setTimeout(() => counter++, 50).unref();
    void sleep(1).then(() => counter++);
  },
  immediates: () => {
    const again = () => {
      counter++;
      timers.setImmediate(again);
    };
    again();
    counter = 0;
  },
  read: async () => await (await fetch("data:,read")).text(),
  closed: () => {
    const { port1, port2 } = new MessageChannel();
    port1.close();
    port2.close();
  },
  memory: () => kept.push(new SharedArrayBuffer(8)),
  input: async () => {
    if (await Deno.stdin.read(new Uint8Array(9))) throw new Error("it read the channel");
    if (Deno.stdin.readSync(new Uint8Array(9))) throw new Error("it read the channel");
    for await (const _ of process.stdin) throw new Error("it read the channel");
  },
  output: () => {
    Deno.stdout.writeSync(new Uint8Array([10]));
    process.stdout.write("not to the channel\n");
  },
};

export const leave = handle(contracts.leave, async ({ target }) => {
  await (LEFT[target] ?? ENDED[target]!)();
  return { pid: Deno.pid };
});

/** Ways to exit or block the child process. */
const SABOTAGE: Readonly<Record<string, () => unknown>> = {
  exit: () => Deno.exit(0),
  processExit: () => process.exit(3),
  closeInput: () => (fs.closeSync(0), never),
  closeOutput: () => fs.closeSync(1),
  // it has succeeded, then blocks the processor
  block: () =>
    void crypto.subtle.digest("SHA-256", new Uint8Array(2 ** 24)).then(() => {
      while (true);
    }),
  flood: () => {
    while (true) fs.writeSync(2, "x".repeat(100_000));
  },
};

export const sabotage = handle(contracts.sabotage, ({ target }) => SABOTAGE[target]!());

export const fresh = handle(contracts.fresh, () => ({ pid: Deno.pid, count: ++counter }));

export const innocent = handle(contracts.innocent, () => ({
  pid: Deno.pid,
  count: counter,
  isAdmin: Reflect.get({}, "isAdmin") ?? false,
  folder: Deno.cwd(),
}));
