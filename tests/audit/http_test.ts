/** Fuzzes the API from its OpenAPI document with schemathesis: no 5xx and no undocumented response.
 *
 * It does not check that every valid request is accepted: schemas cannot express that a queue or key must exist. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { auditTool } from "../support/audit_tools.ts";
import { freshPipeline } from "../support/pipeline.ts";
import { Process } from "../support/process.ts";
import { sampleApp, startApi, startRole, startWorker } from "../support/roles.ts";

const CHECKS = [
  "not_a_server_error",
  "status_code_conformance",
  "content_type_conformance",
  "response_headers_conformance",
  "response_schema_conformance",
  "unsupported_method",
];

Deno.test("thousands of requests generated from the OpenAPI document get neither a 5xx nor an undocumented response", async () => {
  const schemathesis = await auditTool("schemathesis");
  await using pipeline = await freshPipeline();
  const { AMQP_URL = "", DATABASE_URL = "" } = pipeline.env;
  // the sample app, with short waits
  const env = { ...sampleApp, AMQP_URL, DATABASE_URL, CELERIAC_MAX_WAIT: "0.1" };
  const { api, url } = await startApi({ env });
  await using _api = api;
  await using worker = await RestartedWorker.start(env);
  const folder = await Deno.makeTempDir({ prefix: "celeriac-fuzz-" });
  try {
    const args = [
      "--seed=1",
      "--max-examples=25",
      "--phases=examples,coverage,fuzzing,stateful",
      `--checks=${CHECKS.join(",")}`,
      "--request-timeout=30",
      "--no-color",
    ];
    await using fuzzer = Process.start(
      schemathesis,
      ["run", `${url}/openapi.json`, ...args],
      { cwd: folder }, // it writes its cache to the working folder
    );
    const { code } = await fuzzer.exit({ timeoutMs: 420_000 });
    assertEquals(code, 0, fuzzer.output.slice(-10_000));
    const [, passed = "0"] = /(\d+) generated, \d+ passed/.exec(fuzzer.output) ?? [];
    assert(Number(passed) > 1000, fuzzer.output.slice(-2000));
    assertMatch(fuzzer.output, /(\d+) selected \/ \1 total/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  assert(api.running);
  await worker.running();
});

/** A worker that starts again after `POST /v1/workers/{worker}/shutdown`, which the fuzzer sends too.
 *
 * Any other end of the worker is an error. */
class RestartedWorker implements AsyncDisposable {
  readonly #stopped = new AbortController();
  readonly #runs: Promise<void>;
  #worker: Process;

  private constructor(worker: Process, env: Record<string, string>) {
    this.#worker = worker;
    this.#runs = this.#restart(env);
    this.#runs.catch(() => {}); // running() reports it
  }

  static async start(env: Record<string, string>): Promise<RestartedWorker> {
    return new RestartedWorker(await startWorker({ env }), env);
  }

  /** Waits until a worker consumes again.
   *
   * @throws if one ended without a shutdown by the API */
  async running(): Promise<void> {
    await Promise.race([this.#runs, this.#worker.said(/ready: consuming/)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    await this.#worker[Symbol.asyncDispose]();
    await this.#runs.catch(() => {});
  }

  async #restart(env: Record<string, string>): Promise<void> {
    while (true) {
      const { code } = await this.#worker.status;
      if (this.#stopped.signal.aborted) return;
      assertEquals(code, 0, this.#worker.output);
      assertMatch(this.#worker.output, /shutdown/);
      this.#worker = await startRole("worker", { env });
      if (this.#stopped.signal.aborted) return await this.#worker[Symbol.asyncDispose]();
    }
  }
}
