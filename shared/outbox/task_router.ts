/** Chooses the queue of a task whose sender named none: by its contract, or by the patterns of the setting. */
import type { Signature } from "../celery/signature.ts";
import { isObject } from "../celery/shape.ts";
import { ConfigurationError } from "../errors.ts";
import type { Registry } from "../contracts/registry.ts";
import { QUEUE_PREFIX } from "../broker/topology.ts";

/** The default queue of a Celery app (`task_default_queue`). */
const CELERY_QUEUE = "celery";

/** Celery's tasks that run another task: they go to that task's queue. */
const SERIES: ReadonlySet<string> = new Set(["celery.map", "celery.starmap"]);

/** Chooses the queue of a task. */
export class TaskRouter {
  readonly #registry: Pick<Registry, "get">;
  readonly #patterns: readonly { matches: RegExp; queue: string }[];

  /** @param routes `pattern=queue`, where `*` matches any text; the first match decides
   * @throws {ConfigurationError} when one does not have that form
   *
   * @example
   * ```ts
   * import { TaskRouter } from "./task_router.ts";
   * import { Registry } from "../contracts/registry.ts";
   * import { assertEquals } from "@std/assert";
   *
   * const routes = new TaskRouter(new Registry([]), ["shop.mail.*=mails"]);
   * const task = { args: [], kwargs: {}, options: {} };
   * assertEquals(routes.queueOf({ ...task, task: "shop.mail.send" }), "mails");
   * assertEquals(routes.queueOf({ ...task, task: "shop.pay" }), "celery");
   * ```
   */
  constructor(registry: Pick<Registry, "get">, routes: readonly string[]) {
    this.#registry = registry;
    this.#patterns = routes.map((route) => {
      const [pattern = "", queue = "", ...more] = route.split("=").map((part) => part.trim());
      if (pattern === "" || queue === "" || more.length > 0) {
        throw new ConfigurationError(
          `Cannot use route '${route}' because it is not PATTERN=QUEUE: write it like shop.mail.*=mails`,
        );
      }
      const expression = pattern.split("*").map((part) => RegExp.escape(part)).join(".*");
      return { matches: new RegExp(`^${expression}$`, "s"), queue };
    });
  }

  /** The queue of a signature. */
  queueOf({ task, kwargs, options }: Pick<Signature, "task" | "kwargs" | "options">): string {
    if (options.queue) return options.queue;
    if (options.routingKey && !options.exchange) return options.routingKey;
    const inner = kwargs["task"];
    if (SERIES.has(task) && isObject(inner) && typeof inner["task"] === "string") {
      const own = isObject(inner["options"]) ? inner["options"]["queue"] : undefined;
      return typeof own === "string" ? own : this.#byName(inner["task"]);
    }
    return this.#byName(task);
  }

  /** Whether our own workers run all of these. */
  areOurs(signatures: readonly Signature[]): boolean {
    return signatures.every((signature) => this.queueOf(signature).startsWith(QUEUE_PREFIX));
  }

  #byName(name: string): string {
    return this.#registry.get(name)?.queue ??
      this.#patterns.find(({ matches }) => matches.test(name))?.queue ?? CELERY_QUEUE;
  }
}
