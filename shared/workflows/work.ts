/** Converts an author's workflow (`canvas.ts`) to a canvas and checks it against contracts. */
import { bindArguments, inputIssues } from "../contracts/arguments.ts";
import type { WorkflowNode } from "../contracts/workflow_builder.ts";
import { readCanvas } from "../celery/canvas.ts";
import { type Canvas, steps } from "../celery/canvas_tree.ts";
import type { WireSignature } from "../celery/signature.ts";
import { stringifyJson } from "../celery/python_json.ts";
import { InvalidInput } from "../errors.ts";
import type { TaskContract } from "../contracts/task.ts";

/** Options of a task, as in a submission. */
const OPTIONS: ReadonlySet<string> = new Set([
  ...["task_id", "queue", "priority", "countdown", "eta", "expires", "retries", "time_limit"],
  ...["soft_time_limit", "headers", "ignore_result"],
]);

/** Looks up contracts by name. */
export interface Contracts {
  get(name: string): TaskContract | undefined;
}

/** Reads a workflow created by the app's code.
 *
 * @param work a task, chain, group, chord, map, starmap or chunks
 * @throws {InvalidInput} when it is no workflow, or when arguments do not match a known contract
 *
 * @example
 * ```ts
 * import { readWork } from "./work.ts";
 * import { chain, defineTask, signature, z } from "../mod.ts";
 * import { steps } from "../celery/canvas_tree.ts";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const add = defineTask({ name: "add", input: z.object({ x: z.number(), y: z.number() }) });
 * const contracts = new Map([["add", add]]);
 * const work = chain(signature(add, { x: 2, y: 2 }), signature(add, { y: 3 }));
 * assertEquals(steps(readWork(work, contracts)).length, 2);
 * assertThrows(() => readWork(signature("add", { x: 2 }), contracts), Error, "kwargs.y");
 * ```
 */
export function readWork(work: unknown, contracts: Contracts): Canvas {
  const canvas = readCanvas(wire(work as WorkflowNode, contracts, false));
  if (steps(canvas).length === 0) throw refused("it has no task: add one");
  return canvas;
}

/** @param given whether it receives the result of the previous task */
function wire(work: WorkflowNode, contracts: Contracts, given: boolean): WireSignature {
  if (typeof work !== "object" || work === null) {
    throw refused("it is no object: make it with signature() or chain()");
  }
  const all = (works: readonly WorkflowNode[], following: (index: number) => boolean) => {
    if (!Array.isArray(works)) throw refused("its parts are no array: give an array");
    return works.map((one, index) => wire(one, contracts, following(index)));
  };
  if ("name" in work) {
    const { name, args = [], kwargs = {}, options = {}, immutable = false } = work;
    check(work, contracts, given && !immutable);
    const link = all(work.link ?? [], () => true);
    const errbacks = all(work.link_error ?? [], () => true);
    return {
      ...plain(name, kwargs),
      args: [...args],
      options: {
        ...options,
        ...(link.length > 0 && { link }),
        ...(errbacks.length > 0 && { link_error: errbacks }),
      },
      immutable,
    };
  }
  if ("chain" in work) {
    return composite("chain", { tasks: all(work.chain, (index) => given || index > 0) });
  }
  if ("group" in work) return composite("group", { tasks: all(work.group, () => given) });
  if ("chord" in work) {
    const { header, body } = work.chord;
    return composite("chord", {
      kwargs: {},
      header: all(header, () => given),
      body: wire(body, contracts, true),
    });
  }
  if ("map" in work) return series("map", "xmap", work.map);
  if ("starmap" in work) return series("starmap", "xstarmap", work.starmap);
  if ("chunks" in work) {
    const { name, items, size } = work.chunks;
    return composite("chunks", { task: plain(name, {}), it: items, n: size });
  }
  throw refused(
    "it is no task, chain, group, chord, map, starmap or chunks: make it with signature()",
  );
}

function plain(task: string, kwargs: Readonly<Record<string, unknown>>): WireSignature {
  return {
    task,
    args: [],
    kwargs: { ...kwargs },
    options: {},
    subtask_type: null,
    immutable: false,
  };
}

function composite(kind: string, kwargs: Record<string, unknown>): WireSignature {
  return { ...plain(`celery.${kind}`, kwargs), subtask_type: kind };
}

function series(
  kind: "map" | "starmap",
  type: string,
  { name, items }: { name: string; items: readonly unknown[] },
): WireSignature {
  const kwargs = { task: plain(name, {}), it: items };
  return { ...plain(`celery.${kind}`, kwargs), subtask_type: type, immutable: true };
}

function check(
  { name, args = [], kwargs = {}, options = {} }: Extract<WorkflowNode, { name: string }>,
  contracts: Contracts,
  given: boolean,
): void {
  const stranger = Object.keys(options).find((key) => !OPTIONS.has(key));
  if (stranger !== undefined) {
    throw refused(
      `task '${name}' has no option '${stranger}': choose from ${[...OPTIONS].join(", ")}`,
    );
  }
  stringifyJson([args, kwargs]);
  const contract = contracts.get(name);
  if (!contract) return;
  const before = given ? 1 : 0;
  const { error } = contract.input.safeParse(
    bindArguments(contract, [...Array(before), ...args], kwargs),
  );
  const coming = Object.keys(contract.input.shape).slice(0, before);
  const found = error?.issues.filter(({ path: [key] }) => !coming.includes(String(key))) ?? [];
  if (found.length === 0) return;
  const issues = inputIssues(contract, { issues: found }, args.length, before);
  throw refused(
    `the input of task '${name}' does not fit (${
      issues.map(({ field, message }) => `${field}: ${message}`).join("; ")
    }): correct it`,
  );
}

function refused(reason: string): InvalidInput {
  return new InvalidInput(`Cannot send the workflow because ${reason}`);
}
