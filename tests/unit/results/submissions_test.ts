import { assertEquals } from "@std/assert";
import { DatabaseRefused, DatabaseUnavailable } from "../../../shared/errors.ts";
import type { PendingTask } from "../../../shared/results/result.ts";
import { SubmissionWriter } from "../../../shared/results/submissions.ts";

function submission(id: string): PendingTask {
  return {
    id,
    name: "add",
    queue: "celeriac.default",
    argsRepr: "()",
    kwargsRepr: "{}",
    submittedAt: new Date(0),
  };
}

/** Keeps ids; fails as told. */
function keeping(fail: (ids: string[]) => Error | undefined = () => undefined) {
  const ids: string[] = [];
  return {
    ids,
    submitted(submissions: readonly PendingTask[]): Promise<void> {
      const given = submissions.map(({ id }) => id);
      const error = fail(given);
      if (error) return Promise.reject(error);
      ids.push(...given);
      return Promise.resolve();
    },
  };
}

Deno.test("write() batches records into one statement, and stop() waits for it", async () => {
  const store = keeping();
  const writer = new SubmissionWriter({ store });
  for (const id of ["a", "b", "c"]) writer.write(submission(id));
  assertEquals(store.ids, []);
  await writer.stop();
  assertEquals(store.ids, ["a", "b", "c"]);
});

Deno.test("write() drops and counts records that are invalid, cannot be written in time, or exceed the limit", async () => {
  let dropped = 0;
  const count = (n: number) => dropped += n;
  const bad = keeping((ids) =>
    ids.includes("bad") ? new DatabaseRefused("too long", "54000") : undefined
  );
  const one = new SubmissionWriter({ store: bad, dropped: count });
  for (const id of ["a", "bad", "b"]) one.write(submission(id));
  await one.stop();
  assertEquals([bad.ids, dropped], [["a", "b"], 1]);

  const away = keeping(() => new DatabaseUnavailable("away"));
  const two = new SubmissionWriter({ store: away, attempts: 1, dropped: count });
  for (const id of ["a", "b"]) two.write(submission(id));
  await two.stop();
  assertEquals(dropped, 3);

  const full = keeping();
  const three = new SubmissionWriter({ store: full, limit: 2, dropped: count });
  for (const id of ["a", "b", "c"]) three.write(submission(id));
  await three.stop();
  assertEquals([full.ids, dropped], [["a", "b"], 4]);
});

Deno.test("write() retries a few times", async () => {
  let calls = 0;
  const stored = Promise.withResolvers<void>();
  const store = {
    submitted(): Promise<void> {
      if (++calls === 1) return Promise.reject(new DatabaseUnavailable("away"));
      stored.resolve();
      return Promise.resolve();
    },
  };
  await using writer = new SubmissionWriter({ store, attempts: 2 });
  writer.write(submission("a"));
  await stored.promise;
});
