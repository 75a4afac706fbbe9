import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { showLive } from "../../../../cli/top/live.ts";
import { TopReader } from "../../../../cli/top/reader.ts";
import { Screen } from "../../../../cli/top/screen.ts";
import { loadConfig } from "../../../../shared/config/config.ts";
import { Unavailable } from "../../../../shared/errors.ts";
import { eventually } from "../../../support/eventually.ts";
import { MemoryTerminal } from "./terminal.ts";

const AT = "2030-01-02T03:04:05.000Z";
const QUEUES = { at: AT, queues: [{ name: "images", ready: 3, consumers: 1, problem: null }] };
const ANSWERS: Readonly<Record<string, unknown>> = {
  "/v1/queues": QUEUES,
  "/v1/workers": { at: AT, workers: [] },
  "/v1/series": { until: AT, series: [] },
};

/** Runs with an API that gives these answers: an object, a status, or nothing for a broken connection. */
async function withApi(
  answers: Record<string, unknown>,
  act: (sent: URL[]) => Promise<void>,
): Promise<void> {
  const { fetch } = globalThis;
  const sent: URL[] = [];
  globalThis.fetch = (input) => {
    const url = new URL(String(input));
    sent.push(url);
    const answer = answers[url.pathname];
    if (answer === undefined) return Promise.reject(new TypeError("connection refused"));
    if (typeof answer !== "number") return Promise.resolve(Response.json(answer));
    return Promise.resolve(Response.json({ detail: "no" }, { status: answer }));
  };
  try {
    await act(sent);
  } finally {
    globalThis.fetch = fetch;
  }
}

function readerOf(stop = new AbortController()): TopReader {
  const config = loadConfig("result", { flags: { url: "http://api:1" }, env: () => undefined });
  return new TopReader(config, stop.signal);
}

Deno.test("TopReader.readAll() reads series of the last two minutes, by the clock of the API", () =>
  withApi(ANSWERS, async (sent) => {
    const reader = readerOf();
    await reader.readAll();
    const { queues, workers, rates } = reader.snapshot;
    assertEquals([queues.value, workers.value], [QUEUES.queues, []]);
    assertEquals(rates.value!.total, { tasks: 0, failures: 0, retries: 0 });
    const series = sent.find(({ pathname }) => pathname === "/v1/series")!;
    const since = Date.parse(series.searchParams.get("since")!);
    const late = since - (Date.parse(AT) - 120_000);
    assert(late >= 0 && late < 10_000, `${late} ms`);
  }));

Deno.test("TopReader.readAll() throws when the API is away, and keeps other errors", async () => {
  await withApi({}, async () => {
    const error = await assertRejects(() => readerOf().readAll(), Unavailable);
    assertStringIncludes(error.message, "Cannot reach the API at http://api:1");
  });
  await withApi({ ...ANSWERS, "/v1/workers": 403, "/v1/series": 503 }, async () => {
    const reader = readerOf();
    await reader.readAll();
    const { queues, workers, rates } = reader.snapshot;
    assertEquals(queues.error, null);
    assertEquals([workers.error?.message, rates.error?.message], ["403 no", "503 no"]);
  });
});

Deno.test("TopReader names an API that accepts connections but does not answer", async () => {
  const { fetch } = globalThis;
  globalThis.fetch = (_input, init) =>
    new Promise((_, reject) => {
      const { signal } = init!;
      signal!.addEventListener("abort", () => reject(signal!.reason));
    });
  const config = loadConfig("result", { flags: { url: "http://api:1" }, env: () => undefined });
  const reader = new TopReader(config, new AbortController().signal, { timeoutMs: 10 });
  await reader.readQueues().finally(() => globalThis.fetch = fetch);
  assertEquals(
    reader.snapshot.queues.error?.message,
    "Cannot reach the API at http://api:1 because it has not answered within 0.01 s: see its log",
  );
});

Deno.test("TopReader keeps the last value when a read fails", async () => {
  const answers: Record<string, unknown> = { ...ANSWERS };
  await withApi(answers, async () => {
    const reader = readerOf();
    await reader.readQueues();
    delete answers["/v1/queues"];
    await reader.readQueues();
    const { value, error } = reader.snapshot.queues;
    assertEquals(value, QUEUES.queues);
    assertStringIncludes(error!.message, "Cannot reach the API");
  });
});

Deno.test("showLive() draws until q, and at once for a new size", () =>
  withApi(ANSWERS, async () => {
    const terminal = new MemoryTerminal();
    const stop = new AbortController();
    const reader = readerOf(stop);
    await reader.readAll();
    const screen = new Screen(terminal);
    screen.open();
    const shown = showLive(reader, screen, stop);
    await eventually("a frame", () => terminal.written.includes("images"));
    terminal.columns = 8;
    terminal.send("SIGWINCH");
    assertStringIncludes(terminal.written, "celeria…");
    terminal.type("q");
    await shown;
    screen[Symbol.dispose]();
    assert(terminal.isRestored && stop.signal.aborted);
  }));

Deno.test("showLive() passes bugs on, and the terminal is restored", async () => {
  const terminal = new MemoryTerminal();
  const reader = {
    snapshot: readerOf().snapshot,
    readQueues: () => Promise.reject(new Error("a bug")),
    readWorkers: () => Promise.resolve(),
    readRates: () => Promise.resolve(),
  };
  await assertRejects(
    async () => {
      using screen = new Screen(terminal);
      screen.open();
      await showLive(reader, screen, new AbortController());
    },
    Error,
    "a bug",
  );
  assert(terminal.isRestored);
});
