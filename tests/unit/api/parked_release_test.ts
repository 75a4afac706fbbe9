import { assertEquals } from "@std/assert";
import { ParkedRelease } from "../../../api/parked_release.ts";
import { eventually } from "../../support/eventually.ts";

Deno.test("ParkedRelease releases full batches without a pause, and reports what is due", async () => {
  const counts = [5000, 5000, 7, 0];
  const calls: number[] = [];
  let reports = 0;
  await using release = new ParkedRelease({
    store: {
      release(most) {
        calls.push(most);
        return Promise.resolve(counts.shift() ?? 0);
      },
    },
    released: () => void reports++,
  });
  await release.start();
  await eventually("three rounds", () => calls.length === 3, { within: 5 });
  assertEquals([calls[0], reports], [5000, 3]);
  release.wake();
  await eventually("a round after a resume", () => calls.length === 4, { within: 0.9 });
  assertEquals(reports, 3);
});
