import { assert, assertEquals } from "@std/assert";
import { EventEmitter } from "node:events";
import { nextTick } from "node:process";
import nodeTimers, { setImmediate as nodeImmediate, setTimeout as nodeTimeout } from "node:timers";
import { catchUncaught, disowned, owned } from "../../../../workers/running/error_owner.ts";

/** Ways to leave an error uncaught: each gets what throws. */
const WAYS: Readonly<Record<string, (boom: () => never) => unknown>> = {
  "a promise that is rejected at once": (boom) => void Promise.resolve().then(boom),
  async "a promise that is rejected later"(boom) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    void (async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      boom();
    })();
  },
  "setTimeout": (boom) => setTimeout(boom, 1),
  "setInterval": (boom) => {
    const timer = setInterval(() => {
      clearInterval(timer);
      boom();
    }, 1);
  },
  "setTimeout of node:timers": (boom) => nodeTimeout(boom, 1),
  "setInterval of node:timers": (boom) => {
    const timer = nodeTimers.setInterval(() => {
      clearInterval(timer);
      boom();
    }, 1);
  },
  "setImmediate": (boom) => setImmediate(boom),
  "setImmediate of node:timers": (boom) => nodeImmediate(boom),
  "queueMicrotask": (boom) => queueMicrotask(boom),
  "process.nextTick": (boom) => nextTick(boom),
  "an EventEmitter without a listener for errors": (boom) => {
    const emitter = new EventEmitter();
    setTimeout(() => {
      try {
        boom();
      } catch (error) {
        emitter.emit("error", error);
      }
    }, 1);
  },
  "a listener of an EventTarget": (boom) => {
    const target = new EventTarget();
    target.addEventListener("done", boom);
    setTimeout(() => target.dispatchEvent(new Event("done")), 1);
  },
  "a message": (boom) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      port2.close();
      boom();
    };
    port2.postMessage(1);
  },
};

for (const [what, leave] of Object.entries(WAYS)) {
  Deno.test(`an error in ${what} goes to the owner of the code`, async () => {
    const orphans: unknown[] = [];
    using _catching = catchUncaught((error) => orphans.push(error) > 0);
    const errors = await Promise.all(["one", "other"].map((name) => {
      const { promise, resolve } = Promise.withResolvers<unknown>();
      const boom = (): never => {
        throw new Error(name);
      };
      owned({ uncaught: resolve }, () => leave(boom));
      return promise;
    }));
    assertEquals(errors.map((error) => (error as Error).message), ["one", "other"]);
    assertEquals(orphans, []);
  });
}

Deno.test("catchUncaught() passes any error without an owner to its callback", async () => {
  const orphans: unknown[] = [];
  const came = Promise.withResolvers<void>();
  using _catching = catchUncaught((error) => {
    if (orphans.push(error) === 4) came.resolve();
    return true;
  });
  const owner = { uncaught: () => assert(false, "this code is not the owner's") };
  owned(owner, () => disowned(() => setTimeout(() => Promise.reject("disowned"))));
  setTimeout(() => {
    throw new Error("timer");
  });
  for (const reason of [null, undefined]) void Promise.reject(reason);
  await came.promise;
  assertEquals(
    new Set(orphans.map(String)),
    new Set(["Error: timer", "null", "undefined", "disowned"]),
  );
});

Deno.test("timers of an owner keep their arguments, and can be cleared", async () => {
  using _catching = catchUncaught(() => false);
  const owner = { uncaught: (error: unknown) => assert(false, String(error)) };
  const given = await owned(owner, () =>
    new Promise((resolve) => {
      clearTimeout(setTimeout(() => resolve("cleared"), 1));
      setTimeout((...values: unknown[]) => resolve(values), 5, 1, "two");
    }));
  assertEquals(given, [1, "two"]);
});

Deno.test("catchUncaught() notifies only the owner whose code ends the process", async () => {
  const said = async (code: string) => {
    const script = `
      import { catchUncaught, owned } from ${
      JSON.stringify(import.meta.resolve("../../../../workers/running/error_owner.ts"))
    };
      import process from "node:process";
      catchUncaught(() => false);
      const owner = { uncaught() {}, exited: () => console.log("exited") };
      ${code}`;
    const { code: exit, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--no-lock",
        "--config",
        import.meta.dirname + "/../../../../deno.json",
        script,
      ],
    }).output();
    return [exit, new TextDecoder().decode(stdout).trim()];
  };
  const later = "await new Promise((resolve) => setTimeout(resolve, 1));";
  for (const exit of ["Deno.exit(3)", "process.exit(3)"]) {
    assertEquals(await said(`owned(owner, async () => { ${later} ${exit}; });`), [3, "exited"]);
  }
  assertEquals(await said("Deno.exit(3)"), [3, ""]);
});
