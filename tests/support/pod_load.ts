/** Generates load on a deployment from a pod of the cluster.
 * @module
 */
import { client, inImage, NAMESPACE, PATIENCE, secret, startKubectl } from "./deployment.ts";
import type { Process } from "./process.ts";

/** Size of the load. */
export interface PodLoadOptions {
  /** Minimum number of tasks. */
  readonly tasks: number;
  readonly perSecond: number;
  /** Default: the deployment's namespace. */
  readonly namespace?: string;
}

/** The result of a load. */
export interface PodLoadReport {
  readonly accepted: number;
  /** Number of tasks by final state. */
  readonly states: Readonly<Record<string, number>>;
  /** Requests that got a 5xx or no response, in order, with their causes. Each was retried. */
  readonly failures: readonly string[];
}

const PORT = 7000;

/** Submits tasks until {@linkcode stop}, half of them with an Idempotency-Key. */
export class PodLoad implements AsyncDisposable {
  readonly #pod: Awaited<ReturnType<typeof client>>;
  readonly #process: Process;

  private constructor(pod: Awaited<ReturnType<typeof client>>, process: Process) {
    this.#pod = pod;
    this.#process = process;
  }

  /** Creates the pod and starts the client; resolves when the client accepts commands. */
  static async start(
    { tasks, perSecond, namespace = NAMESPACE }: PodLoadOptions,
  ): Promise<PodLoad> {
    const name = "load";
    const pod = await client(name, namespace);
    const token = await secret("celeriac-api", "token", namespace);
    const script = [...inImage("tests/e2e/pods/load.ts"), token, `${tasks}`, `${perSecond}`];
    const process = startKubectl("--namespace", namespace, "exec", name, "--", ...script);
    const load = new PodLoad(pod, process);
    try {
      await process.said(/submitting/, { timeoutMs: PATIENCE * 1000 });
    } catch (error) {
      await load[Symbol.asyncDispose]();
      throw error;
    }
    return load;
  }

  /** Waits until every submission is accepted and new submissions succeed in a row.
   *
   * @returns number of failed requests so far */
  async steady(): Promise<number> {
    return Number(await this.#order("steady"));
  }

  /** Stops submitting and waits until each accepted task is final. */
  async stop(): Promise<PodLoadReport> {
    await this.#order("stop");
    await this.#process.exit({ timeoutMs: PATIENCE * 1000 });
    return JSON.parse(this.#process.stdout.trimEnd().split("\n").at(-1) ?? "");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.#pod[Symbol.asyncDispose]();
  }

  async #order(order: string): Promise<string> {
    const url = `http://127.0.0.1:${PORT}/${order}`;
    const script = `const answer = await fetch("${url}");
      console.log(await answer.text());
      if (!answer.ok) Deno.exit(1);`;
    try {
      return await this.#pod.exec("deno", "eval", script);
    } catch (error) {
      throw new Error(`The load client failed; its output:\n${this.#process.output}`, {
        cause: error,
      });
    }
  }
}
