/** Controls the client's process.
 * @module
 */
import { eventually } from "../support/eventually.ts";
import { Process } from "../support/process.ts";
import { rawChannel } from "../support/raw_amqp.ts";
import { checkout } from "../support/roles.ts";
import type { Summary } from "./client.ts";
import { QUEUE, type Supervisor } from "./supervisor.ts";

/** Size of the load. */
export interface LoadOptions {
  /** Minimum number of tasks. */
  readonly count: number;
  /** Tasks per second. */
  readonly rate: number;
  /** Whether some of the submissions are events. Default false. */
  readonly events?: boolean;
}

/** Consecutive checks that must find no pending task. */
const QUIET_LOOKS = 3;

const selectUnderWay = `
  select (select count(*) from celeriac.outbox)::int +
    (select count(*) from celeriac.task where finished_at is null)::int as count`;

/** A running client process. Disposing kills it. */
export class Load implements AsyncDisposable {
  readonly #process: Process;
  readonly #system: Supervisor;

  private constructor(process: Process, system: Supervisor) {
    this.#process = process;
    this.#system = system;
  }

  /** Starts a client; resolves when it starts to submit.
   *
   * @param path of its log */
  static async start(
    system: Supervisor,
    path: string,
    { rate, count, events = false }: LoadOptions,
  ): Promise<Load> {
    const process = Process.start(Deno.execPath(), [
      "run",
      "--allow-net",
      `--allow-write=${path}`,
      `${checkout}tests/chaos/client.ts`,
      path,
      `${rate}`,
      `${count}`,
      events ? "events" : "tasks",
      ...system.urls,
    ], { cwd: checkout, env: { NO_COLOR: "1" } });
    const load = new Load(process, system);
    await process.said(/submitting/);
    return load;
  }

  /** Freezes the client, and waits until the system is idle. */
  async pause(): Promise<void> {
    this.#process.kill("SIGSTOP");
    await using amqp = await rawChannel(this.#system.adminUrl);
    let quiet = 0;
    await eventually("nothing under way", async () => {
      const [row] = await this.#system.rows<{ count: number }>(selectUnderWay);
      const { messageCount } = await amqp.channel.checkQueue(QUEUE);
      quiet = row?.count === 0 && messageCount === 0 ? quiet + 1 : 0;
      await new Promise((resolve) => setTimeout(resolve, 200));
      return quiet >= QUIET_LOOKS;
    });
  }

  resume(): void {
    this.#process.kill("SIGCONT");
  }

  /** Lets the client submit its remaining tasks, and waits until each is accepted. */
  async stop(): Promise<Summary> {
    this.#process.kill("SIGTERM");
    await this.#process.exit({ timeoutMs: 120_000 });
    return JSON.parse(this.#process.stdout.trimEnd().split("\n").at(-1) ?? "");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#process[Symbol.asyncDispose]();
  }
}
