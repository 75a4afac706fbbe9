/** What a handler has sent with `context.submit()`: the ids that it gives, and the results that its record lists as children. */
import { createHash } from "node:crypto";
import type { WorkflowNode } from "../../shared/contracts/workflow_builder.ts";
import { writeCanvas } from "../../shared/celery/canvas.ts";
import { type Canvas, identified, steps } from "../../shared/celery/canvas_tree.ts";
import { childIds } from "../../shared/celery/child_id.ts";
import { childOf, resultOf, type ResultTuple } from "../../shared/celery/dispatch.ts";
import { stringifyJson } from "../../shared/celery/python_json.ts";
import type { TaskMessage } from "../../shared/celery/task_message.ts";
import { InvalidInput } from "../../shared/errors.ts";
import type { FollowUps } from "../../shared/workflows/follow_ups.ts";
import { type Contracts, readWork } from "../../shared/workflows/work.ts";

/** How to submit. */
export interface SubmitOptions {
  /** Names the work within its task, in place of its content and its place among equal ones: 1 to 255 characters. */
  readonly key?: string;
}

/** Work that was submitted: durable, under ids that do not change. */
export interface SubmittedWork {
  /** The task that it ends with, or the group. */
  readonly id: string;
  /** Its tasks, in their order. */
  readonly tasks: readonly string[];
}

/** Sends work for handlers. */
export type Submit = (work: WorkflowNode, options?: SubmitOptions) => Promise<SubmittedWork>;

/** What a run has sent; one for all calls of a map. */
export class TaskSubmissions {
  readonly #task: Pick<TaskMessage, "id" | "rootId">;
  readonly #equal = new Map<string, number>();
  readonly #children: ResultTuple[] = [];

  constructor(task: Pick<TaskMessage, "id" | "rootId">) {
    this.#task = task;
  }

  /** Results of what was sent so far. */
  get children(): readonly ResultTuple[] {
    return this.#children;
  }

  /** Sends work; resolves when it is durable.
   *
   * Its ids are derived from the id of the task and from the work: a handler that runs again sends the same ids for the same work, and a task
   * whose record is final does not run again.
   *
   * @throws {InvalidInput} when it cannot be sent, or its arguments do not fit a contract
   * @throws {Unavailable} when neither broker nor database can hold it */
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

  /** Gives work its ids.
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
        "Cannot submit the work because its key is not 1 to 255 characters: give such a text",
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
