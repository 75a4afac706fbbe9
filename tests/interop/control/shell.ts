/** A Python process that runs several Celery commands, so that Python starts only once.
 * @module
 */
import { fileURLToPath } from "node:url";
import { type CeleryStack, PYTHON_ENVIRONMENT } from "../../support/celery_stacks.ts";

/** Exit code and output of a Celery command. */
export interface CliResult {
  readonly code: number;
  readonly output: string;
}

/** The state that `celery.events.state` derived from our events. */
export interface Watched {
  /** Whether each is alive. */
  readonly workers: Record<string, boolean>;
  readonly tasks: Record<string, { name: string | null; state: string; worker: string | null }>;
}

/** See `shell.py`. Disposing kills it. */
export class CeleryShell implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;
  readonly #complaints: Promise<string>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#writer = child.stdin.getWriter();
    this.#lines = linesOf(child.stdout)[Symbol.asyncIterator]();
    this.#complaints = new Response(child.stderr).text();
  }

  /** Starts one.
   *
   * @param url AMQP URL */
  static async start(stack: CeleryStack, url: string): Promise<CeleryShell> {
    const command = new Deno.Command(stack.python, {
      args: ["-u", "shell.py"],
      cwd: fileURLToPath(new URL(".", import.meta.url)),
      env: { ...PYTHON_ENVIRONMENT, BROKER: url },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    });
    const shell = new CeleryShell(command.spawn());
    await shell.#answer();
    return shell;
  }

  /** Runs `celery -A app ...`. */
  async cli(...args: string[]): Promise<CliResult> {
    return await this.#order<CliResult>({ cli: args });
  }

  /** Runs `celery -A app inspect METHOD` for one node and returns the reply. Fails if the exit code is not 0. */
  async inspect(node: string, method: string, ...args: string[]): Promise<unknown> {
    const flags = ["-d", node, "-t", "30", "-j"];
    const { code, output } = await this.cli("inspect", ...flags, method, ...args);
    if (code !== 0) throw new Error(`inspect ${method} ended with ${code}: ${output}`);
    return JSON.parse(output)[node];
  }

  /** Sends a task to one of our queues. @returns its id */
  async send(
    task: string,
    kwargs: Record<string, unknown> = {},
    options: Record<string, unknown> = {},
  ): Promise<string> {
    const { id } = await this.#order<{ id: string }>({ send: task, kwargs, options });
    return id;
  }

  /** Current state of `celery.events.state`. */
  async watch(): Promise<Watched> {
    return await this.#order<Watched>({ watch: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // it has ended already
    }
    await this.#child.status;
    await this.#writer.abort().catch(() => {});
    await this.#lines.return?.();
    await this.#complaints;
  }

  async #order<Answer>(order: unknown): Promise<Answer> {
    await this.#writer.write(new TextEncoder().encode(`${JSON.stringify(order)}\n`));
    const answer = await this.#answer<Answer & { error?: string }>();
    if (answer.error !== undefined) throw new Error(`Python said ${answer.error}`);
    return answer;
  }

  async #answer<Answer>(): Promise<Answer> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`Python ended: ${await this.#complaints}`);
    return JSON.parse(value);
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
