/** Submissions of handlers in a child process. The worker submits the work and replies. */
import { stringifyJson } from "../../../shared/celery/python_json.ts";
import type { Submit } from "../../running/task_submissions.ts";
import type { Channel } from "./channel.ts";
import { reviveError } from "../error_record.ts";
import type { ToChild } from "../messages.ts";

type SubmitReply = Extract<ToChild, { type: "submitted" }>["answer"];

/** Submissions that wait for the worker's reply. */
export class ChildSubmissions {
  readonly #channel: Pick<Channel, "send">;
  readonly #waiting = new Map<number, (answer: SubmitReply) => void>();
  #calls = 0;

  constructor(channel: Pick<Channel, "send">) {
    this.#channel = channel;
  }

  /** Creates `context.submit` of an attempt. */
  of(run: string): Submit {
    return async (work, { key } = {}) => {
      const call = this.#calls++;
      const { promise, resolve } = Promise.withResolvers<SubmitReply>();
      const text = stringifyJson(work);
      this.#waiting.set(call, resolve);
      this.#channel.send({
        type: "submit",
        run,
        call,
        work: text,
        ...(key !== undefined && { key }),
      });
      const answer = await promise;
      if ("error" in answer) throw reviveError(answer.error);
      return answer;
    };
  }

  /** Receives a reply. */
  answered({ call, answer }: { readonly call: number; readonly answer: SubmitReply }): void {
    this.#waiting.get(call)?.(answer);
    this.#waiting.delete(call);
  }
}
