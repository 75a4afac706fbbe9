/** One trace of a task: request, message, worker, child and followers. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline } from "../../support/pipeline.ts";
import { startApi, startWorker } from "../../support/roles.ts";

/** As OTLP/JSON has it (opentelemetry-proto, trace/v1/trace.proto), as far as it is looked at. */
interface OtlpSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly status?: { readonly code?: number; readonly message?: string };
}

/** Receives spans like an OpenTelemetry collector. */
class Collector implements AsyncDisposable {
  readonly spans: OtlpSpan[] = [];
  readonly #server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const text = await request.text();
      if (new URL(request.url).pathname === "/v1/traces") {
        type Scopes = { scopeSpans: { spans: OtlpSpan[] }[] }[];
        const { resourceSpans } = JSON.parse(text) as { resourceSpans: Scopes };
        for (const { scopeSpans } of resourceSpans) {
          for (const { spans } of scopeSpans) this.spans.push(...spans);
        }
      }
      return Response.json({});
    },
  );

  get env(): Record<string, string> {
    return {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${this.#server.addr.port}`,
      OTEL_BSP_SCHEDULE_DELAY: "100",
    };
  }

  /** Names of the spans from the one of this name up to where its trace began. */
  async way(name: string): Promise<string[]> {
    return await eventually(`the whole way of ${name}`, () => {
      const names: string[] = [];
      let span = this.spans.find((one) => one.name === name);
      for (; span; span = this.#above(span)) {
        names.push(span.name);
        if (!span.parentSpanId || span.parentSpanId === CALLER) return names;
      }
    });
  }

  #above({ traceId, parentSpanId }: OtlpSpan): OtlpSpan | undefined {
    return this.spans.find((one) => one.traceId === traceId && one.spanId === parentSpanId);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER = "00f067aa0ba902b7";

Deno.test("a trace spans request, message, handler (inline or in a child) and followers", async (t) => {
  await using collector = new Collector();
  await using pipeline = await freshPipeline();
  const env = { ...pipeline.env, ...collector.env };
  const traceUrl = { CELERIAC_UI_TRACE_URL: "https://traces.example/{trace_id}" };
  const { api, url } = await startApi({ env: { ...env, ...traceUrl } });
  await using _api = api;
  await using _worker = await startWorker({ env });
  const post = async (path: string, body: unknown) => {
    const answer = await fetch(`${url}${path}`, {
      method: "POST",
      headers: {
        "content-type": "application/json",
        traceparent: `00-${TRACE}-${CALLER}-01`,
      },
      body: JSON.stringify(body),
    });
    return await answer.json();
  };

  await t.step("inline", async () => {
    await post("/v1/tasks/test.span", { kwargs: { name: "inline" } });
    const way = await collector.way("inline");
    assertEquals(way.slice(0, 3), ["inline", "process test.span", "send test.span"]);
    assertEquals(way.length, 4); // the request, which Deno names
  });

  await t.step("in a child", async () => {
    await post("/v1/tasks/test.span_process", { kwargs: { name: "child" } });
    assertEquals((await collector.way("child")).slice(0, 4), [
      "child",
      "run test.span_process",
      "process test.span_process",
      "send test.span_process",
    ]);
  });

  await t.step("followers", async () => {
    const span = (name: string) => ({ name: "test.span", kwargs: { name }, immutable: true });
    await post("/v1/workflows", { chain: [span("first"), span("second")] });
    assertEquals((await collector.way("second")).slice(0, 5), [
      "second",
      "process test.span",
      "send test.span",
      "process test.span",
      "send test.span",
    ]);
  });

  await t.step("a failure is recorded", async () => {
    const { id } = await post("/v1/tasks/test.fail", { kwargs: { message: "no" } });
    assertEquals((await pipeline.final(id)).state, "FAILURE");
    const headers = { accept: "text/html" };
    const page = await (await fetch(`${url}/tasks/${id}`, { headers })).text();
    assertStringIncludes(page, `href="https://traces.example/${TRACE}"`);
    const failed = await eventually(
      "its span",
      () => collector.spans.find(({ name }) => name === "process test.fail"),
    );
    assertEquals(failed.status, { code: 2, message: "Refusal('no')" });
  });

  assertEquals(new Set(collector.spans.map(({ traceId }) => traceId)).has(TRACE), true);
});
