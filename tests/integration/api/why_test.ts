/** One answer of `GET /v1/tasks/{id}/why` for each reason, on one pipeline of real processes. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import type { ReasonCode } from "../../../api/explaining/reason.ts";
import { AmqpBroker } from "../../../shared/broker/amqp/broker.ts";
import { retryPolicy } from "../../../shared/contracts/retry.ts";
import { requestReplies } from "../../../shared/celery/control_client.ts";
import { commandLine } from "../../support/command_line.ts";
import { eventually } from "../../support/eventually.ts";
import { freshPipeline, type Pipeline, submit } from "../../support/pipeline.ts";
import { freePorts } from "../../support/ports.ts";
import { startApi, startWorker } from "../../support/roles.ts";
import { rawChannel } from "../../support/raw_amqp.ts";

interface Explained {
  readonly state: string | null;
  readonly reasons: {
    code: ReasonCode;
    sentence: string;
    remedy: string | null;
    evidence: Record<string, unknown>;
  }[];
  readonly unread: { fact: string; reason: string }[];
}

/** Asks until the first reason has this code. */
function asking(url: string) {
  const why = async (id: string): Promise<Explained> => {
    const response = await fetch(`${url}/v1/tasks/${id}/why`);
    assertEquals(response.status, 200);
    return await response.json();
  };
  return async (id: string, code: ReasonCode) => {
    let last: Explained | undefined;
    const found = await eventually(`${code} of ${id}`, async () => {
      last = await why(id);
      return last.reasons[0]?.code === code && last;
    }, { within: 15 }).catch((error) => {
      throw new Error(`${error.message}; the last answer: ${JSON.stringify(last)}`);
    });
    const [{ evidence, sentence, remedy }] = found.reasons as [Explained["reasons"][number]];
    return { ...found, evidence, sentence, remedy };
  };
}

/** Submits in SQL, which checks no contract. */
async function submitInSql(
  pipeline: Pipeline,
  task: string,
  { kwargs = "{}", queue = "celeriac.default", expires = "null" } = {},
): Promise<string> {
  const [row] = await pipeline.rows<{ id: string }>(
    `select celeriac.submit($1, $2::text::json, queue => $3, expires => ${expires}) as id`,
    [task, kwargs, queue],
  );
  return row!.id;
}

const QUEUE = "celeriac.default";

Deno.test("GET /v1/tasks/{id}/why finds each reason", async (t) => {
  await using pipeline = await freshPipeline();

  await t.step("in-outbox: the broker is not reachable", async () => {
    const [port] = freePorts(1);
    const AMQP_URL = `amqp://guest:guest@127.0.0.1:${port}`;
    const { api, url } = await startApi({ env: { ...pipeline.env, AMQP_URL } });
    await using _api = api;
    const { id } = await submit(url, "test.sleep", { args: [0] });
    const { evidence, sentence, remedy } = await asking(url)(id, "in-outbox");
    assertEquals(evidence["broker"], "connecting");
    assertStringIncludes(String(evidence["broker_reason"]), "connection refused");
    assertStringIncludes(sentence, "because the broker is connecting: there is no connection to");
    assertStringIncludes(remedy!, "Make the broker available");
  });

  const { api, url } = await startApi(pipeline);
  await using _api = api;
  const why = asking(url);
  await using amqp = await rawChannel(pipeline.vhost.url);
  const sleep = async (seconds: number, options = {}) =>
    (await submit(url, "test.sleep", { args: [seconds], options })).id;

  await t.step("unknown-id", async () => {
    const { state, sentence } = await why("nobody", "unknown-id");
    assertEquals(state, null);
    assertStringIncludes(sentence, "No task with this id is known");
  });

  await t.step("no-consumer", async () => {
    const { evidence, remedy, unread } = await why(await sleep(0), "no-consumer");
    assertEquals(evidence["queue"], QUEUE);
    assert(Number(evidence["ready"]) >= 1);
    assertStringIncludes(remedy!, "Start a worker");
    assertEquals(unread, []);
  });

  await t.step("not-due", async () => {
    const { evidence, sentence } = await why(await sleep(0, { countdown: 600 }), "not-due");
    assert(Number(evidence["seconds"]) > 590 && Number(evidence["seconds"]) <= 600);
    assertMatch(sentence, /^The task is due at .+Z, in \d+(\.\d)? s\.$/);
  });

  await t.step("in-outbox: its queue does not exist", async () => {
    const id = await submitInSql(pipeline, "test.sleep", { queue: "celeriac.nowhere" });
    const { evidence } = await why(id, "in-outbox");
    const refused = await eventually("a failed attempt", async () => {
      const { evidence } = await why(id, "in-outbox");
      return Number(evidence["attempts"]) > 0 && evidence;
    });
    assertEquals(evidence["broker"], "connected");
    assertStringIncludes(String(refused["last_error"]), "celeriac.nowhere");
  });

  await t.step("waiting-for-members", async () => {
    const response = await fetch(`${url}/v1/workflows`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        chord: {
          header: [{ name: "test.sleep", args: [0] }, { name: "test.sleep", args: [0] }],
          body: { name: "test.sleep", args: [0], immutable: true },
        },
      }),
    });
    const text = await response.text();
    assert(response.ok, text);
    const { id: workflow, tasks } = JSON.parse(text);
    const [first, second, body] = tasks.map(({ id }: { id: string }) => id);
    const { evidence } = await why(body, "waiting-for-members");
    assertEquals(evidence, { workflow, count: 2, tasks: [first, second] });
    await why(first, "no-consumer");
  });

  await t.step("revoked", async () => {
    const id = await sleep(0);
    await (await fetch(`${url}/v1/tasks/${id}`, { method: "DELETE" })).body?.cancel();
    assertStringIncludes((await why(id, "revoked")).sentence, "The task was revoked at 20");
  });

  await t.step("queue-missing, and message-not-found", async () => {
    const id = await sleep(0);
    await why(id, "no-consumer");
    await amqp.channel.deleteQueue(QUEUE);
    assertEquals((await why(id, "queue-missing")).evidence, { queue: QUEUE });
    await amqp.channel.assertQueue(QUEUE, {
      durable: true,
      arguments: { "x-queue-type": "quorum" },
    });
    const { consumerTag } = await amqp.channel.consume(QUEUE, () => {});
    const { evidence } = await why(id, "message-not-found");
    assertEquals(evidence, { queue: QUEUE, consumers: 1, replies: 0 });
    await amqp.channel.cancel(consumerTag);
    await amqp.channel.bindQueue(QUEUE, "celeriac", QUEUE);
  });

  await using _worker = await startWorker({
    env: {
      ...pipeline.env,
      CELERIAC_CONCURRENCY: "1",
      CELERIAC_PREFETCH_FACTOR: "1",
      CELERIAC_UNKNOWN_TASK_WAIT: "600",
      CELERIAC_NODE: "w1@why",
    },
  });

  await t.step("finished", async () => {
    const { id } = await submit(url, "test.sleep", { args: [0] }, { prefer: "wait=10" });
    assertEquals((await why(id, "finished")).evidence["state"], "SUCCESS");
    const failed = await submit(url, "test.fail", {}, { prefer: "wait=10" });
    const { evidence, remedy } = await why(failed.id, "finished");
    assertEquals([evidence["state"], evidence["error"]], ["FAILURE", "Refusal"]);
    assertStringIncludes(remedy!, "Read the error in its record");
  });

  await t.step("not-due: the next attempt", async () => {
    const { id } = await submit(url, "test.retry", { kwargs: { countdown: 600 } });
    const { evidence, state } = await why(id, "not-due");
    assertEquals([state, evidence["attempt"]], ["RETRY", 2]);
    assertEquals(evidence["max_attempts"], retryPolicy(true).maxAttempts);
  });

  await t.step("expired", async () => {
    const id = await submitInSql(pipeline, "test.sleep", {
      kwargs: '{"seconds": 0}',
      expires: "now() - interval '1 minute'",
    });
    await why(id, "expired");
  });

  await t.step("task-unknown", async () => {
    const { evidence, sentence } = await why(
      await submitInSql(pipeline, "no.such"),
      "task-unknown",
    );
    assertEquals(evidence["task"], "no.such");
    assertStringIncludes(sentence, "No worker that was asked has a handler for task 'no.such'");
  });

  await t.step("input-refused and dead-lettered", async () => {
    const misfit = await submitInSql(pipeline, "test.sleep", { kwargs: '{"seconds": "long"}' });
    const { reasons } = await why(misfit, "input-refused");
    assertEquals(reasons.map(({ code }) => code), ["input-refused", "dead-lettered"]);
    assertStringIncludes(reasons[0]!.sentence, "seconds");
    const { id } = await submit(url, "test.reject", { kwargs: { message: "not this" } });
    const { evidence, remedy } = await why(id, "dead-lettered");
    assertEquals([evidence["reason"], evidence["detail"]], [
      "rejected",
      "Reject('not this', False)",
    ]);
    const [letter] = await pipeline.letters(id);
    assertStringIncludes(remedy!, `dead redrive --id=${letter!.id}`);
  });

  await t.step("rate-limited", async () => {
    await using broker = new AmqpBroker({ url: pipeline.vhost.url, name: "test" });
    await broker.start();
    await broker.connected();
    await requestReplies(broker, {
      method: "rate_limit",
      arguments: { task_name: "test.flaky", rate_limit: "2/h" },
      destination: ["w1@why"],
    }, { timeoutMs: 5000 });
    const call = { kwargs: { failures: 0 } };
    await submit(url, "test.flaky", call, { prefer: "wait=10" });
    const { id } = await submit(url, "test.flaky", call);
    const { evidence } = await why(id, "rate-limited");
    assertEquals(evidence, { worker: "w1@why", limit: "2/h" });
    await (await fetch(`${url}/v1/tasks/${id}`, { method: "DELETE" })).body?.cancel();
  });

  await t.step("paused", async () => {
    const pause = (method: string, body?: string) =>
      fetch(`${url}/v1/tasks/test.retry/pause`, {
        method,
        headers: { "content-type": "application/json" },
        ...(body && { body }),
      }).then((response) => response.json());
    const { paused_at: pausedAt } = await pause("PUT", '{"reason": "maintenance"}');
    // Workers read the pauses once a second.
    const { id } = await submit(url, "test.retry", { options: { countdown: 2 } });
    const parked = await eventually("a parked message", async () => {
      const answer = await why(id, "paused");
      const rows = await pipeline.rows(
        "select from celeriac.outbox where task_id = $1 and due_at > now() + interval '1 year'",
        [id],
      );
      return rows.length === 1 && answer;
    });
    assertEquals(parked.evidence, {
      scope: "task",
      name: "test.retry",
      why: "maintenance",
      paused_at: pausedAt,
      resumed_at: null,
      rate: null,
    });
    assertEquals(parked.remedy, "Run `deno task cli resume task test.retry`.");
    await pause("DELETE");
  });

  await t.step("running, workers-full, and behind-others", async () => {
    const runs = await sleep(600);
    const { evidence: run } = await why(runs, "running");
    assertEquals([run["worker"], run["attempt"]], ["w1@why", 1]);
    const [first, ...others] = [await sleep(600), await sleep(600), await sleep(600)];
    const held = await why(first!, "workers-full");
    assertEquals(held.evidence, {
      queue: QUEUE,
      workers: [{ worker: "w1@why", running: 1, concurrency: 1 }],
      held_by: "w1@why",
    });
    const last = await why(others.at(-1)!, "workers-full");
    assertEquals(last.evidence["held_by"], null);
    const behind = last.reasons[1]!;
    assertEquals(behind.code, "behind-others");
    const { ready, per_second: perSecond, seconds } = behind.evidence;
    assert(Number(ready) >= 1 && Number(perSecond) > 0);
    assertEquals(seconds, Math.ceil(Number(ready) / Number(perSecond)));

    const printed = await commandLine("why", url)(others.at(-1)!);
    assertEquals(printed.code, 0);
    assertStringIncludes(printed.output, "workers-full: All workers of queue 'celeriac.default'");
    assertStringIncludes(printed.output, "behind-others: At most");
    assertEquals((await commandLine("why", url)()).code, 2);
  });
});
