import { assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { loadConfig, parseFlags } from "../../../shared/config/config.ts";
import { ConfigurationError } from "../../../shared/errors.ts";
import { flagOf, type SettingKey, SETTINGS } from "../../../shared/config/settings.ts";

const NOTHING = { flags: {}, env: () => undefined };

function failure(work: () => unknown): string {
  return assertThrows(work, ConfigurationError).message;
}

Deno.test("loadConfig() uses defaults", () => {
  const config = loadConfig("api", NOTHING);
  assertEquals(config.port, 8000);
  assertEquals(config.host, "127.0.0.1");
  assertEquals(config.foreignQueues, []);
  assertEquals(config.apiToken, undefined);
  assertEquals(Object.isFrozen(config), true);
});

Deno.test("loadConfig() prefers a flag to the environment", () => {
  const env = (name: string) => ({ PORT: "9000", CELERIAC_FOREIGN_QUEUES: "celery, other" })[name];
  assertEquals(loadConfig("api", { flags: {}, env }).port, 9000);
  assertEquals(loadConfig("api", { flags: {}, env }).foreignQueues, ["celery", "other"]);
  assertEquals(loadConfig("api", { flags: { port: "1" }, env }).port, 1);
});

Deno.test("loadConfig() names the flag or variable and the allowed values of an invalid value", () => {
  assertStringIncludes(
    failure(() => loadConfig("api", { ...NOTHING, flags: { port: "many" } })),
    "--port",
  );
  const env = (name: string) => name === "PORT" ? "70000" : undefined;
  const message = failure(() => loadConfig("api", { flags: {}, env }));
  assertStringIncludes(message, "'70000' of PORT");
  assertStringIncludes(message, "65535");
});

Deno.test("loadConfig() never shows an invalid secret", () => {
  const env = (name: string) => name === "AMQP_URL" ? "http://me:hunter2@host" : undefined;
  const message = failure(() => loadConfig("api", { flags: {}, env }));
  assertStringIncludes(message, "AMQP_URL");
  assertEquals(message.includes("hunter2"), false);
});

Deno.test("loadConfig() reads a secret from the file of its _FILE variable", () => {
  const env = (name: string) => name === "CELERIAC_API_TOKEN_FILE" ? "/run/token" : undefined;
  const readFile = (path: string) => path === "/run/token" ? "0123456789abcdef\n" : "";
  assertEquals(loadConfig("api", { flags: {}, env, readFile }).apiToken, "0123456789abcdef");
  const missing = () => {
    throw new Deno.errors.NotFound("no such file");
  };
  assertStringIncludes(
    failure(() => loadConfig("api", { flags: {}, env, readFile: missing })),
    "CELERIAC_API_TOKEN_FILE",
  );
});

Deno.test("loadConfig() ignores variables of other roles", () => {
  const env = (name: string) => name === "CELERIAC_CONCURRENCY" ? "nonsense" : undefined;
  assertEquals(loadConfig("api", { flags: {}, env }).concurrency, 32);
});

Deno.test("parseFlags() accepts --flag=value, --flag value and operands", () => {
  const { flags, own, rest } = parseFlags("api", [
    "add",
    "--port=0",
    "--host",
    "::1",
    "--open",
    "x=--y",
  ], {});
  assertEquals(flags, { port: "0", host: "::1", open: "1" });
  assertEquals(own, {});
  assertEquals(rest, ["add", "x=--y"]);
});

Deno.test("parseFlags() suggests the closest flag for an unknown one", () => {
  assertStringIncludes(
    failure(() => parseFlags("worker", ["--concurency=3"])),
    "did you mean --concurrency?",
  );
  assertStringIncludes(failure(() => parseFlags("worker", ["--zzzzzzzzzzzz"])), "see --help");
  assertStringIncludes(failure(() => parseFlags("api", ["--port"])), "--port=VALUE");
});

Deno.test("each setting has a unique flag and variable, a role and a help text", () => {
  const keys = Object.keys(SETTINGS) as SettingKey[];
  assertEquals(new Set(keys.map(flagOf)).size, keys.length);
  assertEquals(new Set(keys.map((key) => SETTINGS[key].env)).size, keys.length);
  const common = ["AMQP_URL", "MANAGEMENT_URL", "DATABASE_URL", "HOST", "PORT", "HEALTH_PORT"];
  for (const key of keys) {
    const { env, roles, help } = SETTINGS[key];
    assertEquals(env.startsWith("CELERIAC_") || common.includes(env), true, key);
    assertEquals(roles.length > 0, true, key);
    assertMatch(help, /^\S.* .*[^\s.]$/, key);
  }
});

Deno.test("loadConfig() refuses templates of links that lead nowhere or that a value could redirect", () => {
  const load = (uiLogUrl: string) => loadConfig("api", { ...NOTHING, flags: { uiLogUrl } });
  for (const url of ["https://a.example/{task_id}", "http://a:3000/?q=%22{task_id}%22#{task_id}"]) {
    assertEquals(load(url).uiLogUrl, url);
  }
  const cases: [template: string, reason: string][] = [
    ["javascript:alert('{task_id}')", "it is not a link with http or https"],
    ["/logs/{task_id}", "it is not a link with http or https"],
    ["https://a.example/", "it lacks the placeholder {task_id}"],
    ["https://a.example/{trace_id}", "it lacks the placeholder {task_id}"],
    ["https://{task_id}.example/{task_id}", "its host depends on {task_id}"],
    ["https://me:secret@a.example/{task_id}", "it contains a user or a password"],
    ["https://a b/{task_id}", "it is not a valid URL"],
  ];
  for (const [template, reason] of cases) {
    const message = failure(() => load(template));
    assertStringIncludes(message, reason);
    assertStringIncludes(message, "--ui-log-url");
  }
  const flags = { uiTraceUrl: "https://a.example/{task_id}" };
  assertStringIncludes(
    failure(() => loadConfig("api", { ...NOTHING, flags })),
    "it lacks the placeholder {trace_id}",
  );
});
