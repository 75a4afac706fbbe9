/** Work that a handler submits with `context.submit()`: its ids, and the children that the task's record lists. */
import { createHash } from "node:crypto";
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import { writeCanvas } from "../../shared/celery/canvas.ts";
import { type Canvas, identified, steps } from "../../shared/celery/canvas_tree.ts";
import { childIds } from "../../shared/celery/child_id.ts";
import { childOf, resultOf, type ResultTuple } from "../../shared/celery/dispatch.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { InvalidInput } from "../../shared/errors.ts";
import { emittedEntry, type EventToEmit } from "../../shared/events/emitted_event.ts";
import type { EventContracts } from "../../shared/events/event_contracts.ts";
import type { OutboxEntry } from "../../shared/outbox/outbox.ts";
import type { FollowUps } from "../../shared/workflows/follow_ups.ts";
import { type Contracts, readWork } from "../../shared/workflows/work.ts";

/** Options of `context.submit()`. */
export interface SubmitOptions {
  /** Identifies the work within its task: 1 to 255 characters. Default: its content, and its position among equal submissions. */
  readonly key?: string;
}

/** Submitted work. It is durable and its ids are stable. */
export interface SubmittedWork {
  /** Id of its last task, or of the group. */
  readonly id: string;
  /** Ids of its tasks, in order. */
  readonly tasks: readonly string[];
}

/** Submits work of a handler. */
export type Submit = (work: WorkflowNode, options?: SubmitOptions) => Promise<SubmittedWork>;

/** Maximum number of events of one task, and of bytes of their messages: one statement stores them together with the result. */
const MAX_EVENTS = 1000;
const MAX_EVENT_BYTES = 16 * 1024 * 1024;

/** The submissions and events of one run. The calls of a map share them. */
export class TaskSubmissions {
  readonly #task: Pick<TaskMessage, "id" | "rootId">;
  readonly #equal = new Map<string, number>();
  readonly #children: ResultTuple[] = [];
  readonly #events: OutboxEntry[] = [];

  constructor(task: Pick<TaskMessage, "id" | "rootId">) {
    this.#task = task;
  }

  /** References to the work submitted so far. */
  get children(): readonly ResultTuple[] {
    return this.#children;
  }

  /** Events that were emitted so far. They are stored with the success of the task. */
  get events(): readonly OutboxEntry[] {
    return this.#events;
  }

  /** Adds an event.
   *
   * @throws {InvalidInput} if it is invalid or violates its contract, or there are too many, or they are too large together */
  emit(event: EventToEmit, contracts: Pick<EventContracts, "check">): void {
    if (this.#events.length >= MAX_EVENTS) {
      throw new InvalidInput(
        `Cannot emit an event because the task has emitted ${MAX_EVENTS}: submit tasks that emit the others`,
      );
    }
    const { id: taskId } = this.#task;
    const entry = emittedEntry(event, { taskId, position: this.#events.length, contracts });
    const bytes = this.#events.reduce((sum, one) => sum + one.message.body.length, 0);
    if (bytes + entry.message.body.length > MAX_EVENT_BYTES) {
      throw new InvalidInput(
        `Cannot emit event '${event.type}' because the events of the task would have more than ${MAX_EVENT_BYTES} bytes: store the data elsewhere and send references`,
        "data",
      );
    }
    this.#events.push(entry);
  }

  /** Forgets the events after the first `count`, because the code that emitted them runs again. */
  keepEvents(count: number): void {
    this.#events.length = Math.min(count, this.#events.length);
  }

  /** Submits work. Resolves when it is durable.
   *
   * Its ids are derived from the task's id and the work: a handler that runs again submits the same ids for the same work, and a task whose
   * record is final does not run again.
   *
   * @throws {InvalidInput} if the work is invalid, or its arguments violate a contract
   * @throws {Unavailable} if neither broker nor database can store it */
  async send(
    work: WorkflowNode,
    { key }: SubmitOptions,
    { contracts, followUps }: { contracts: Contracts; followUps: Pick<FollowUps, "send"> },
  ): Promise<SubmittedWork> {
    const { id, rootId } = this.#task;
    const canvas = this.identify(readWork(work, contracts), key);
    await followUps.send(canvas, { rootId, parentId: id });
    this.#children.push(childOf(canvas));
    const [[result]] = resultOf(canvas);
    return { id: result, tasks: steps(canvas).map(({ options }) => options.taskId!) };
  }

  /** Assigns ids to work.
   *
   * @example
   * ```ts
   * import { TaskSubmissions } from "./task_submissions.ts";
   * import { readWork } from "../../shared/workflows/work.ts";
   * import { assertEquals, assertNotEquals } from "@std/assert";
   *
   * const add = (x: number) => readWork({ name: "add", args: [x] }, new Map());
   * const [run, again] = [1, 2].map(() => new TaskSubmissions({ id: "task", rootId: "task" }));
   * const first = run!.identify(add(1));
   * again!.identify(add(2)); // in another order
   * assertEquals(again!.identify(add(1)), first);
   * assertNotEquals(run!.identify(add(1)), first); // once more
   * ```
   */
  identify(canvas: Canvas, key?: string): Canvas {
    if (key !== undefined && !(typeof key === "string" && key !== "" && key.length <= 255)) {
      throw new InvalidInput(
        "Cannot submit the work because its key is not a string of 1 to 255 characters: shorten it, or omit it",
      );
    }
    const newId = childIds(
      this.#task.id,
      key === undefined ? this.#place(canvas) : `submit key ${key}`,
    );
    return identified(canvas, newId);
  }

  #place(canvas: Canvas): string {
    const content = createHash("sha256").update(stringifyJson(writeCanvas(canvas))).digest("hex");
    const before = this.#equal.get(content) ?? 0;
    this.#equal.set(content, before + 1);
    return `submit ${content} ${before}`;
  }
}
