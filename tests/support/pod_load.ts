/** A load on a deployment, by a client in a pod of the cluster.
 * @module
 */
import { client, inImage, NAMESPACE, PATIENCE, secret, startKubectl } from "./deployment.ts";
import type { Process } from "./process.ts";

/** How much is submitted. */
export interface PodLoadOptions {
  /** Tasks at least. */
  readonly tasks: number;
  readonly perSecond: number;
  /** Default ours. */
  readonly namespace?: string;
}

/** How a load ended. */
export interface PodLoadReport {
  readonly accepted: number;
  /** Tasks by their last state. */
  readonly states: Readonly<Record<string, number>>;
  /** Requests answered with 5xx or not at all, in order: request and cause. Each was sent again. */
  readonly failures: readonly string[];
}

const PORT = 7000;

/** A client that submits tasks, half of them with an Idempotency-Key, from its start to {@linkcode stop}. */
export class PodLoad implements AsyncDisposable {
  readonly #pod: Awaited<ReturnType<typeof client>>;
  readonly #process: Process;

  private constructor(pod: Awaited<ReturnType<typeof client>>, process: Process) {
    this.#pod = pod;
    this.#process = process;
  }

  /** Makes the pod and starts the client; resolves when it takes orders. */
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

  /** Waits until everything submitted is accepted, and new submissions are accepted one after the other.
   *
   * @returns how many requests have failed so far */
  async steady(): Promise<number> {
    return Number(await this.#order("steady"));
  }

  /** Ends the submitting, and waits until each accepted task is final. */
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
      throw new Error(`The load said:\n${this.#process.output}`, { cause: error });
    }
  }
}
