/** What the three public doors export is documented. */
import { assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { Process } from "../support/process.ts";

const checkout = fileURLToPath(new URL("../../", import.meta.url));
const doors = ["shared/mod.ts", "workers/mod.ts", "cli.ts"];

Deno.test("deno doc --lint finds nothing wrong with the public doors", async () => {
  await using doc = Process.start(Deno.execPath(), ["doc", "--lint", ...doors], {
    cwd: checkout,
    env: { NO_COLOR: "1" },
  });
  await doc.exit({ timeoutMs: 120_000 });
  const complaints = doc.output.matchAll(/^error\[([\w-]+)\]: (.*)\n *--> (.*?):(\d+):/gm);
  const ours = [...complaints].filter(([, rule, , file]) =>
    // zod's own declarations come along with `z`: what they lack, and that we name their types, is no fault of ours
    file?.startsWith(checkout) && rule !== "private-type-ref"
  );
  const told = ours.map(([, , what, file, line]) =>
    `${file?.slice(checkout.length)}:${line} ${what}`
  );
  assertEquals(told, []);
});
