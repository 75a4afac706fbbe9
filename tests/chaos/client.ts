/** An independent client of the API that logs every accepted task.
 *
 *     deno run --allow-net --allow-write client.ts LOG RATE COUNT tasks|events URL...
 *
 * Submits `RATE` tasks a second, at least COUNT, alone and in workflows, until SIGTERM. The client
 * chooses all ids. A request that was refused (503) or got no response is sent again with the same ids,
 * to the next URL, until it is accepted. The log has one line of JSON for each accepted request and each unexpected response;
 * the last line of standard output is a {@linkcode Summary}.
 * @module
 */
import { v7 as newId } from "uuid";
import { type Expectation, type Submission, submissionOf } from "./workload.ts";

/** A line of the log: a request was accepted (202), or got a response that no fault can cause. */
export interface LogLine {
  readonly tasks: readonly Expectation[];
  /** Milliseconds since the epoch. */
  readonly at: number;
  readonly status: number;
  /** Body of a response that is neither 202 nor 503. */
  readonly body?: string;
}

/** Statistics at the end of the client. */
export interface Summary {
  /** Responses with 503. */
  readonly refused: number;
  /** Requests that failed or took longer than 15 s. */
  readonly unanswered: number;
  /** Duration of the slowest request with a response, milliseconds. */
  readonly slowestMs: number;
}

/** Limit of concurrent requests. */
const PARALLEL = 1000;
const ANSWER_MS = 15_000;
const TICK_MS = 20;

class Client {
  readonly #log: Deno.FsFile;
  readonly #urls: readonly string[];
  readonly #under = new Set<Promise<void>>();
  readonly #events: boolean;
  #next = 0;
  #requests = 0;
  #tasks = 0;
  #refused = 0;
  #unanswered = 0;
  #slowestMs = 0;

  constructor(log: Deno.FsFile, urls: readonly string[], events: boolean) {
    this.#events = events;
    this.#log = log;
    this.#urls = urls;
  }

  async run(rate: number, count: number, enough: () => boolean): Promise<Summary> {
    const began = performance.now();
    while (this.#tasks < count || !enough()) {
      const due = (performance.now() - began) / 1000 * rate;
      while (this.#tasks < due && this.#under.size < PARALLEL) this.#begin();
      await pause(TICK_MS);
    }
    await Promise.all(this.#under);
    return {
      refused: this.#refused,
      unanswered: this.#unanswered,
      slowestMs: Math.round(this.#slowestMs),
    };
  }

  #begin(): void {
    const submission = submissionOf(this.#requests++, newId, Date.now(), this.#events);
    this.#tasks += submission.tasks.length;
    const done = this.#submit(submission).finally(() => this.#under.delete(done));
    this.#under.add(done);
  }

  async #submit(submission: Submission): Promise<void> {
    while (!await this.#try(submission)) await pause(100 + 200 * Math.random());
  }

  /** @returns whether the request needs no further attempt */
  async #try({ path, body: content, tasks }: Submission): Promise<boolean> {
    const url = this.#urls[this.#next++ % this.#urls.length];
    const began = performance.now();
    let status: number;
    let body: string;
    try {
      const answer = await fetch(`${url}${path}`, {
        method: "POST",
        headers: {
          "content-type": "application/json",
          ...(tasks.length > 1 && { "idempotency-key": tasks[0]!.id }),
        },
        body: JSON.stringify(content),
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      status = answer.status;
      body = await answer.text();
    } catch {
      this.#unanswered++;
      return false;
    }
    this.#slowestMs = Math.max(this.#slowestMs, performance.now() - began);
    if (status === 503) {
      this.#refused++;
      return false;
    }
    this.#note({ tasks, at: Date.now(), status, ...(status === 202 ? {} : { body }) });
    return true;
  }

  #note(line: LogLine): void {
    this.#log.writeSync(new TextEncoder().encode(JSON.stringify(line) + "\n"));
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

if (import.meta.main) {
  const [path = "", rate = "", count = "", kind = "", ...urls] = Deno.args;
  let stopped = false;
  Deno.addSignalListener("SIGTERM", () => stopped = true);
  using log = await Deno.open(path, { write: true, create: true, append: true });
  const client = new Client(log, urls, kind === "events");
  console.log("submitting");
  const summary = await client.run(Number(rate), Number(count), () => stopped);
  console.log(JSON.stringify(summary));
  Deno.exit(0);
}
