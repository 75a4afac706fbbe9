/** `/try` and below: a form for each task of the app. */
import { type Context, Hono } from "hono";
import { z } from "zod";
import { exampleInput } from "../../../shared/contracts/example_input.ts";
import type { Registry } from "../../../shared/contracts/registry.ts";
import type { TaskContract } from "../../../shared/contracts/task.ts";
import type { TaskRecord } from "../../../shared/results/result.ts";
import type { ResultStore } from "../../../shared/results/store.ts";
import type { AuditCounter } from "../../access/audit_counter.ts";
import type { AuditTrail } from "../../access/audit_trail.ts";
import { checkRerun, rerunTask } from "../../actions/rerun_task.ts";
import { attributed, callerOf, requireSignature } from "../../access/request_caller.ts";
import { isLabel } from "../../http/label.ts";
import { type FieldError, Problem } from "../../http/problem.ts";
import { visible } from "../../reading/visible_record.ts";
import {
  checkSubmission,
  queueOfSubmission,
  type SubmissionRules,
} from "../../submitting/submission.ts";
import type { Submitter } from "../../submitting/submitter.ts";
import { readForm } from "../form.ts";
import { PRESS_FIELD, pressKey } from "../press.ts";
import { answerPage } from "../view/layout.ts";
import { type Site, View } from "../view/view.ts";
import { callsOf } from "./calls.ts";
import { type CopiedInput, copiedInput, readEdited } from "./copied_input.ts";
import { inputFields, readInput } from "./input_fields.ts";
import { textsFor, tryListPage, type TryPage, tryPage } from "./try_pages.ts";

/** Dependencies of the routes. */
export interface TryRoutesParts {
  readonly registry: Registry;
  readonly store: Pick<ResultStore, "find">;
  readonly rules: SubmissionRules;
  readonly submitter: Submitter;
  /** Counts accepted calls for the audit log. */
  readonly counter: Pick<AuditCounter, "add">;
  readonly trail: AuditTrail;
  readonly site: Site;
}

/** An earlier task whose arguments the form contains. */
interface Earlier {
  readonly record: TaskRecord;
  readonly copied: CopiedInput;
}

/** Bytes of the form: an argument may be a document. */
const FORM_MAX = 1024 * 1024;

const Form = z.object({
  action: z.enum(["submit", "show"]).default("submit"),
  delay: z.string().max(20).default(""),
  [PRESS_FIELD]: z.string().optional(),
  /** Id of the task whose arguments are edited. */
  from: z.string().max(255).optional(),
}).catchall(z.string());

/** Serves the pages. */
export function tryRoutes(parts: TryRoutesParts): Hono {
  const { registry, store, rules, submitter, counter, site } = parts;

  const find = (c: Context, name: string): TaskContract => {
    const contract = registry.get(name);
    if (contract && callerOf(c).sees(contract)) return contract;
    throw new Problem(
      "unknown-task",
      `Cannot show task '${name}' because no contract has that name: see /try`,
    );
  };

  /** An earlier task and its arguments, if the reader may see them and the record has them. */
  const earlierOf = async (
    c: Context,
    contract: TaskContract,
    id: string | undefined,
  ): Promise<Earlier | undefined> => {
    const caller = callerOf(c);
    if (id === undefined || !isLabel(id)) return;
    if (!caller.has("tasks:read") || !caller.has("tasks:read-data")) return;
    const record = visible(caller, await store.find(id));
    const copied = record?.name === contract.name ? copiedInput(contract, record) : undefined;
    return record && copied && { record, copied };
  };

  const taskPath = (c: Context, id: string, done: "submitted" | "rerun") =>
    new View(c, site).path(`/tasks/${encodeURIComponent(id)}?done=${done}`);

  const answer = (
    c: Context,
    page: Omit<TryPage, "calls">,
    body: object | undefined,
    status: 200 | 422 = 200,
  ) => {
    const view = new View(c, site);
    const { contract } = page;
    const calls = body && !hasLongInteger(body) && callsOf({
      base: new URL(c.req.url).origin + view.path(""),
      name: contract.name,
      body,
      isSecured: site.secured,
    });
    return answerPage(c, view, {
      title: contract.name,
      current: "/try",
      status,
      body: tryPage(view, { ...page, calls: calls || undefined }),
    });
  };

  return new Hono()
    .get("/try", (c) => {
      const view = new View(c, site);
      const caller = callerOf(c);
      return answerPage(c, view, {
        title: view.texts.trying.title,
        current: "/try",
        body: tryListPage(view, [...registry].filter((contract) => caller.sees(contract))),
      });
    })
    .get("/try/:task", async (c) => {
      const contract = find(c, c.req.param("task"));
      const fields = inputFields(contract);
      const earlier = await earlierOf(c, contract, c.req.query("from"));
      const kwargs = earlier?.copied.kwargs ?? exampleInput(contract) ?? {};
      const textFor = textsFor(fields, kwargs);
      const page = { contract, fields, textFor, delay: "", errors: [], ...copiedPart(earlier) };
      return answer(c, page, { kwargs });
    })
    .post("/try/:task", async (c) => {
      const contract = find(c, c.req.param("task"));
      const { action, delay, from, press, ...texts } = await readForm(c, Form, { limit: FORM_MAX });
      const fields = inputFields(contract);
      const textFor = (name: string) => texts[`input.${name}`] ?? "";
      const earlier = await earlierOf(c, contract, from);
      const read = earlier
        ? readEdited(earlier.copied, fields, textFor)
        : readInput(fields, textFor);
      const options = delay.trim() === "" ? {} : { options: { countdown: Number(delay) } };
      const body = { kwargs: read.kwargs, ...options };
      const page = { contract, fields, textFor, delay, ...copiedPart(earlier) };
      const refuse = (errors: readonly FieldError[]) => {
        const isReadable = read.errors.length === 0;
        const status = action === "show" ? 200 : 422;
        return answer(c, { ...page, errors }, isReadable ? body : undefined, status);
      };
      if (read.errors.length > 0) return refuse(read.errors);
      let checked;
      try {
        checked = earlier
          ? checkRerun(earlier.record, { args: [], ...body }, rules)
          : checkSubmission(contract.name, body, rules);
      } catch (error) {
        if (error instanceof Problem && error.errors.length > 0) return refuse(error.errors);
        throw error;
      }
      if (action === "show") return answer(c, { ...page, errors: [] }, body);
      if (earlier) {
        const edits = { args: [], ...body };
        const { id } = await rerunTask(c, parts, earlier.record, {
          edits,
          key: pressKey(c, press, checked.signature),
        });
        return c.redirect(taskPath(c, id, "rerun"), 303);
      }
      const caller = callerOf(c);
      requireSignature(caller, checked.signature, queueOfSubmission);
      const signature = attributed(caller, checked.signature);
      const accepted = await submitter.submit({ ...checked, signature }, {
        key: pressKey(c, press, checked.signature),
      });
      counter.add(caller, accepted.name);
      return c.redirect(taskPath(c, accepted.id, "submitted"), 303);
    });
}

function copiedPart(earlier: Earlier | undefined): Pick<TryPage, "copied"> {
  return { copied: earlier && { id: earlier.record.id, redacted: earlier.copied.redacted } };
}

/** Whether a value contains an integer beyond 2^53. The API refuses such a number, so no call can contain it. */
function hasLongInteger(value: unknown): boolean {
  if (typeof value === "bigint") return true;
  return typeof value === "object" && value !== null && Object.values(value).some(hasLongInteger);
}
