/** Checks that KEDA scales workers up from zero and back, and stops no busy worker. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  client,
  deploy,
  get,
  inImage,
  kubectl,
  podsOf,
  requireKeda,
  secret,
  seen,
  startKubectl,
} from "../support/deployment.ts";
import type { Process } from "../support/process.ts";

const TASKS = 2500;

/** Records the log of every worker. */
class Diary implements AsyncDisposable {
  readonly #logs = new Map<string, Process>();
  readonly #over = new AbortController();
  readonly #looking: Promise<void>;

  constructor() {
    this.#looking = this.#look();
  }

  get workers(): number {
    return this.#logs.size;
  }

  /** Log of each worker, once all have exited. */
  async read(): Promise<string[]> {
    await this.#stop();
    for (const log of this.#logs.values()) await log.exit({ timeoutMs: 120_000 });
    return [...this.#logs.values()].map(({ output }) => output);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
    for (const log of this.#logs.values()) await log[Symbol.asyncDispose]();
  }

  async #stop(): Promise<void> {
    this.#over.abort();
    await this.#looking;
  }

  async #look(): Promise<void> {
    while (!this.#over.signal.aborted) {
      for (const name of await runningWorkers()) {
        if (!this.#logs.has(name)) this.#logs.set(name, startKubectl("logs", "-f", name));
      }
      await new Promise((resolve) => setTimeout(resolve, 500));
    }
  }
}

async function runningWorkers(): Promise<string[]> {
  const { items } = await get("pods", "-l", "app.kubernetes.io/component=worker") as {
    items: { metadata: { name: string }; status: { phase: string } }[];
  };
  return items.filter(({ status }) => status.phase === "Running").map(({ metadata }) =>
    metadata.name
  );
}

Deno.test({
  name: "KEDA scales by the queue from none and to none, and every worker ends by itself",
  async fn() {
    await requireKeda();
    await deploy("tests/e2e/overlay");
    await kubectl("apply", "-k", new URL("scaling", import.meta.url).pathname);
    await seen("no worker", async () => (await runningWorkers()).length === 0);

    await using diary = new Diary();
    await using pod = await client("batch");
    const token = await secret("celeriac-api", "token");
    const script = inImage("tests/e2e/pods/batch.ts");
    const batch = pod.exec(...script, token, `${TASKS}`);
    batch.catch(() => {}); // awaited below
    await seen("more than one worker", async () => (await podsOf("worker")).length > 1);
    assertEquals(JSON.parse(await batch), { accepted: TASKS, states: { SUCCESS: TASKS } });
    await seen("no worker", async () => (await runningWorkers()).length === 0);

    const diaries = await diary.read();
    assert(diaries.length > 1, `${diaries.length} workers`);
    console.log(`${TASKS} tasks, ${diaries.length} workers, then scaled to zero`);
    for (const said of diaries) {
      assertStringIncludes(said, " stopped");
      assert(!said.includes("did not finish in time"), said);
    }
    await kubectl("delete", "scaledobject", "worker");
    await kubectl("scale", "deployment/worker", "--replicas=2");
  },
});
