import { assertEquals, assertThrows } from "@std/assert";
import { checkVariables } from "../../../cli/variables.ts";
import { ConfigurationError } from "../../../shared/errors.ts";
import { run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

function refusal(variables: Record<string, string>): string {
  return assertThrows(() => checkVariables(variables), ConfigurationError).message;
}

Deno.test("checkVariables() accepts variables of every role, secret files and passwords", () => {
  checkVariables({
    CELERIAC_CONCURRENCY: "nonsense",
    CELERIAC_DATA: "x",
    CELERIAC_API_TOKEN_FILE: "/run/token",
    CELERIAC_BROKER_PASSWORD_PROJECT: "x",
    CELERIAC_BROKER_PASSWORD_HASH_API_FILE: "x",
    CELERIAC_TEST_CLUSTER: "x",
    CELERIAC_CHAOS_SOAK: "x",
    OTHER: "x",
  });
});

Deno.test("checkVariables() accepts the variables that Kubernetes sets for services named celeriac and celeriac-api", () => {
  for (const service of ["CELERIAC", "CELERIAC_API"]) {
    checkVariables({
      [`${service}_SERVICE_HOST`]: "10.0.0.1",
      [`${service}_SERVICE_PORT`]: "80",
      [`${service}_SERVICE_PORT_HTTP`]: "80",
      [`${service}_PORT`]: "tcp://10.0.0.1:80",
      [`${service}_PORT_80_TCP`]: "tcp://10.0.0.1:80",
      [`${service}_PORT_80_TCP_PROTO`]: "tcp",
      [`${service}_PORT_80_TCP_PORT`]: "80",
      [`${service}_PORT_80_TCP_ADDR`]: "10.0.0.1",
    });
  }
});

Deno.test("checkVariables() suggests the closest setting, also for names that share only the prefix", () => {
  assertEquals(
    refusal({ CELERIAC_CONTRACT: "./shop.ts", CELERIAC_GRACE: "5" }),
    "Cannot use CELERIAC_CONTRACT because no setting has that name: did you mean CELERIAC_CONTRACTS? (`deno task cli COMMAND --help` lists all)",
  );
  assertEquals(
    refusal({ CELERIAC_ZEBRA: "1" }),
    "Cannot use CELERIAC_ZEBRA because no setting has that name: unset it (`deno task cli COMMAND --help` lists all)",
  );
  assertEquals(
    refusal({ CELERIAC_PORT: "8000", CELERIAC_HANDLER: "x" }),
    "Cannot use CELERIAC_HANDLER, CELERIAC_PORT because no setting has that name: CELERIAC_HANDLER: did you mean CELERIAC_HANDLERS? CELERIAC_PORT: did you mean PORT? (`deno task cli COMMAND --help` lists all)",
  );
});

for (const command of [["worker", "--sample"], ["permissions", "worker", "--sample"]]) {
  Deno.test(`\`${command.join(" ")}\` refuses a mistyped variable`, async () => {
    const error = await run(Deno.execPath(), ["run", "-A", `${checkout}cli.ts`, ...command], {
      env: { CELERIAC_CONTRACT: "./shop.ts", NO_COLOR: "1" },
    }).then(() => "it started", (error: Error) => error.message);
    assertEquals(error.match(/did you mean \w+\?/)?.[0], "did you mean CELERIAC_CONTRACTS?");
  });
}

for (const role of ["api", "worker", "beat"]) {
  Deno.test(`${role} without an app does not start`, async () => {
    const error = await run(Deno.execPath(), ["run", "-A", `${checkout}cli.ts`, role], {
      env: { NO_COLOR: "1" },
    }).then(() => "it started", (error: Error) => error.message);
    assertEquals(error.match(/Cannot load the app because no module of contracts/)?.length, 1);
  });
}
