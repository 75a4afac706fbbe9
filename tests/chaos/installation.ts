/** The broker and the system that faults are injected into.
 * @module
 */
import type { ChaosBroker } from "./broker.ts";
import type { Site, Supervisor } from "./supervisor.ts";

/** How to start the parts; each receives an empty folder. */
export interface Openers {
  openBroker(folder: string): Promise<ChaosBroker>;
  openSystem(site: Site): Promise<Supervisor>;
}

/** A broker and a system on it. Both start when a fault needs them, and can be replaced. Disposing stops them. */
export class Installation implements AsyncDisposable {
  readonly #folder: string;
  readonly #openers: Openers;
  #broker: ChaosBroker | undefined;
  #system: Supervisor | undefined;

  /** @param folder parent of all folders */
  constructor(folder: string, openers: Openers) {
    this.#folder = folder;
    this.#openers = openers;
  }

  /** The running system; starts what is not running.
   *
   * @throws if the broker or the system does not start */
  async system(): Promise<Supervisor> {
    if (this.#system) return this.#system;
    const { openBroker, openSystem } = this.#openers;
    this.#broker ??= await openBroker(await this.#newFolder());
    const site = { broker: this.#broker, folder: await this.#newFolder() };
    return this.#system = await openSystem(site);
  }

  /** Stops the system. The next one uses the same broker. */
  async stopSystem(): Promise<void> {
    const system = this.#system;
    this.#system = undefined;
    await system?.[Symbol.asyncDispose]();
  }

  /** Stops the system and the broker, whose state is unknown after a failed fault. The next system gets a new broker.
   *
   * @returns errors of the stop, which are expected if the broker is down */
  async discard(): Promise<unknown[]> {
    const broker = this.#broker;
    const stops = [() => this.stopSystem(), async () => await broker?.[Symbol.asyncDispose]()];
    this.#broker = undefined;
    const errors: unknown[] = [];
    for (const stop of stops) await stop().catch((error) => errors.push(error));
    return errors;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const errors = await this.discard();
    if (errors.length > 0) throw new AggregateError(errors, "Cannot stop the system");
  }

  async #newFolder(): Promise<string> {
    const folder = await Deno.makeTempDir({ dir: this.#folder });
    await Deno.chmod(folder, 0o755); // as root, Postgres runs as another user
    return folder;
  }
}
