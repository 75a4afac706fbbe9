/** Denials as Deno and Node's modules word them: each is met in a process that may do nothing. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import type { TaskMessage } from "../../../../shared/celery/task_message.ts";
import { Ignore, Reject, Retry, type Violation } from "../../../../shared/errors.ts";
import { defineTask, z } from "../../../../shared/mod.ts";
import { violationOf } from "../../../../workers/running/permission_denial.ts";
import { outcomeOf } from "../../../../workers/delivery/outcomes.ts";
import { run } from "../../../support/process.ts";

const inline = defineTask({ name: "shop.confirm", input: z.object({}), retry: true });
const child = defineTask({ name: "shop.render", input: z.object({}), retry: true, run: "process" });
const message = { task: inline.name, retries: 0 } as TaskMessage;

/** What is tried; its kind; what the advice to an inline task holds, and to one in a child. */
const ATTEMPTS: readonly [string, Violation, string, string?][] = [
  [`Deno.env.get("SHOP_URL")`, "env", `permissions: { env: ["SHOP_URL"] }`],
  [`process.env.SHOP_URL`, "env", `permissions: { env: ["SHOP_URL"] }`],
  [`Object.keys(process.env)`, "env", "single variables"],
  [`Deno.readTextFile("/etc/hostname")`, "read", `permissions: { read: ["/etc/hostname"] }`],
  [`fs.readFileSync("/etc/hostname")`, "read", `permissions: { read: ["/etc/hostname"] }`],
  [
    `Deno.readTextFile("templates/a, b.html")`,
    "read",
    `import.meta.dirname + "/templates/a, b.html"`,
  ],
  [`Deno.writeTextFile("/srv/out", "")`, "write", `permissions: { write: ["/srv/out"] }`],
  [`Deno.makeTempFile()`, "write", `write: ["/tmp"]`, `write: ["."]`],
  [`fetch("https://api.example.com/a")`, "net", `net: ["api.example.com:443"]`],
  [`fetch("http://[::1]:81/")`, "net", `net: ["[::1]:81"]`],
  [`dns.lookup("api.example.com")`, "net", `net: ["api.example.com"]`],
  [`Deno.connect({ hostname: "192.0.2.1", port: 25 })`, "net", `net: ["192.0.2.1:25"]`],
  [`Deno.hostname()`, "sys", `sys: ["hostname"]`],
  [`os.homedir()`, "sys", `sys: ["homedir"]`],
  [`new Deno.Command("true").output()`, "run", "another service"],
  [`Deno.dlopen("libc.so.6", {})`, "ffi", `run: "process"`, "permissions: { ffi: true }"],
];

const source = `
import process from "node:process";
import fs from "node:fs";
import dns from "node:dns/promises";
import os from "node:os";
const attempts = [${ATTEMPTS.map(([code]) => `async () => await ${code}`).join(",\n")}];
for (const attempt of attempts) {
  try {
    await attempt();
    console.log(JSON.stringify("nothing was denied"));
  } catch (error) {
    console.log(JSON.stringify(error.message));
  }
}
Deno.exit();
`;

Deno.test("violationOf() explains how to declare the denied access", async (t) => {
  const url = `data:text/javascript,${encodeURIComponent(source)}`;
  const output = await run(Deno.execPath(), ["run", "--no-prompt", url], {
    env: { NO_COLOR: "1" },
  });
  const messages: string[] = output.trim().split("\n").map((line) => JSON.parse(line));
  for (const [index, [code, kind, advice, adviceInChild = advice]] of ATTEMPTS.entries()) {
    await t.step(code, () => {
      const denied = new Error(messages[index]);
      for (const [contract, text] of [[inline, advice], [child, adviceInChild]] as const) {
        const violation = violationOf(denied, contract)!;
        assert(violation !== undefined, messages[index]);
        assertEquals([violation.violation, violation.denied], [kind, true]);
        assertStringIncludes(violation.message, `Cannot run task '${contract.name}' because`);
        assertStringIncludes(violation.message, text);
      }
    });
  }
});

const denied = new Deno.errors.NotCapable(
  'Requires env access to "SHOP_URL", run again with the --allow-env flag',
);

Deno.test("outcomeOf() is an immediate failure if an access was denied, also if the denial is wrapped", () => {
  const wrapped = [
    denied,
    new Error("no shop", { cause: denied }),
    new Error("no shop", { cause: new TypeError("no url", { cause: denied }) }),
    new AggregateError([new Error("one"), denied]),
    new Error(`Aborted(NotCapable: ${denied.message})`),
    new Retry("later", { cause: denied }),
  ];
  for (const error of wrapped) {
    const outcome = outcomeOf(error, message, inline);
    assertEquals(outcome.kind, "failure", error.message);
    assertStringIncludes(JSON.stringify(outcome), String.raw`{ env: [\"SHOP_URL\"] }`);
  }
});

Deno.test("outcomeOf() keeps the handler's choice, and errors that only resemble a denial", () => {
  assertEquals(outcomeOf(new Ignore("why", { cause: denied }), message, inline).kind, "revoked");
  assertEquals(outcomeOf(new Reject("why", { cause: denied }), message, inline).kind, "reject");
  const remote = new Error('403: Requires write access to "repository"');
  assertEquals(outcomeOf(remote, message, inline).kind, "retry");
});
