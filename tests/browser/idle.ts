/** Many readers who leave their pages open. */
import { assert, assertEquals } from "@std/assert";
import { eventually } from "../support/eventually.ts";
import { type Check, taskPath, TOKEN } from "./fixture.ts";

/** Live pages without a browser. */
const PAGES = 1000;

/** Pages that are opened at the same time. */
const AT_ONCE = 50;

/** MiB that the live pages may cost the API together. */
const COST_MAX = 300;

/** MiB of memory of a process. */
async function memory(pid: number): Promise<number> {
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return Math.round(Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) / 1024);
}

/** Checks of this file. */
export const idleChecks: Readonly<Record<string, Check>> = {
  async "1,000 live pages stay connected, and one more works in a browser"(fixture) {
    const { api, url, submit, open } = fixture;
    const waiting = await submit("test.echo", { value: 1 }, { countdown: 3600 });
    const before = await memory(api.pid);
    const paths = ["/changes", `${taskPath(waiting)}/changes`];
    const gone = new AbortController();
    const ended: string[] = [];
    let received = 0;
    const readings: Promise<void>[] = [];
    const read = async (answer: Response, index: number) => {
      try {
        for await (const chunk of answer.body!) received += chunk.length > 0 ? 1 : 0;
        ended.push(`${index} ended`);
      } catch (error) {
        if (!gone.signal.aborted) ended.push(`${index}: ${error}`);
      }
    };
    const follow = async (index: number) => {
      const answer = await fetch(url + paths[index % paths.length], {
        headers: { authorization: `Bearer ${TOKEN}`, accept: "text/event-stream" },
        signal: gone.signal,
      });
      if (!answer.ok) throw new Error(`${answer.status} ${await answer.text()}`);
      readings.push(read(answer, index));
    };
    for (let index = 0; index < PAGES; index += AT_ONCE) {
      await Promise.all(Array.from({ length: AT_ONCE }, (_, offset) => follow(index + offset)));
    }
    await eventually("a message for each", () => received >= 2 * PAGES);
    const after = await memory(api.pid);
    console.log(`${PAGES} live pages: ${before} MiB before, ${after} MiB with them`);
    await using opened = await open({ path: taskPath(waiting) });
    await opened.page.locator('.state[data-state="PENDING"]').waitFor();
    await opened.page.locator(".action summary").click();
    await opened.page.getByRole("button", { name: "Cancel the task" }).click();
    await opened.page.locator('.state[data-state="REVOKED"]').waitFor();
    assertEquals(ended.filter((one) => !one.endsWith(" ended")), []);
    gone.abort();
    await Promise.all(readings);
    assert(after - before < COST_MAX, `${after - before} MiB`);
  },
};
