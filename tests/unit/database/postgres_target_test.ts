import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { parseTarget } from "../../../shared/database/postgres_target.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

const target = (url: string, env: Record<string, string> = {}) =>
  parseTarget(url, (name) => env[name]);

Deno.test("parseTarget() reads the parts of a URL", () => {
  const { host, port, user, password, database, sslMode } = target(
    "postgres://sh%40p:p%2Fw@db.example:6432/a%2Fb%20c?sslmode=verify-full",
  );
  assertEquals([host, port, user, password, database], [
    "db.example",
    6432,
    "sh@p",
    "p/w",
    "a/b c",
  ]);
  assertEquals(sslMode, "verify-full");
  assertEquals(target("postgres://u@[::1]/x").host, "::1");
});

Deno.test("parseTarget() prefers parameters over other URL parts, and these over variables", () => {
  const env = {
    PGHOST: "env-host",
    PGPORT: "1",
    PGUSER: "env-user",
    PGPASSWORD: "env-password",
    PGDATABASE: "env-database",
    PGSSLMODE: "require",
    PGOPTIONS: "-c work_mem=9MB",
    PGAPPNAME: "env-name",
    PGCONNECT_TIMEOUT: "3",
    USER: "somebody",
  };
  const chosen = (url: string, variables: Record<string, string> = env) => {
    const { host, port, user, password, database } = target(url, variables);
    return [host, port, user, password, database];
  };
  assertEquals(chosen("postgres:///"), ["env-host", 1, "env-user", "env-password", "env-database"]);
  assertEquals(chosen("postgres://u:p@h:2/d"), ["h", 2, "u", "p", "d"]);
  assertEquals(
    chosen("postgres://u:p@h:2/d?host=/run/x&port=3&user=v&password=q&dbname=e"),
    ["/run/x", 3, "v", "q", "e"],
  );
  assertEquals(chosen("postgres:///", { USER: "somebody" }), [
    "localhost",
    5432,
    "somebody",
    undefined,
    "somebody",
  ]);
  const { options, applicationName, connectTimeoutMs, sslMode } = target("postgres:///", env);
  assertEquals([options, applicationName, connectTimeoutMs, sslMode], [
    "-c work_mem=9MB",
    "env-name",
    3000,
    "require",
  ]);
});

Deno.test("parseTarget() supports sslmode like libpq", () => {
  const mode = (query: string, host = "db") => target(`postgres://u@${host}/d${query}`).sslMode;
  assertEquals(mode(""), "prefer");
  assertEquals(mode("?ssl=true"), "require");
  assertEquals(mode("?sslmode=require&sslrootcert=/ca.pem"), "verify-ca");
  assertEquals(mode("?sslrootcert=system"), "verify-full");
  assertEquals(mode("?sslmode=require&host=/run/postgresql"), "disable");
});

Deno.test("parseTarget() finds the password file, and whether it is required", () => {
  const file = (url: string, env: Record<string, string>) => {
    const { passwordFile, passwordFileRequired } = target(url, env);
    return [passwordFile, passwordFileRequired];
  };
  assertEquals(file("postgres:///", {}), [undefined, false]);
  assertEquals(file("postgres:///", { HOME: "/home/me" }), ["/home/me/.pgpass", false]);
  assertEquals(file("postgres:///", { HOME: "/home/me", PGPASSFILE: "/pw" }), ["/pw", true]);
  assertEquals(file("postgres:///?passfile=/other", { PGPASSFILE: "/pw" }), ["/other", true]);
});

Deno.test("parseTarget() rejects unsupported URLs with a remedy and without the password", () => {
  for (
    const [rest, reason] of [
      ["db/d?sslmod=require", "did you mean 'sslmode'?"],
      ["db/d?schema=public", "unknown parameter 'schema': leave it out"],
      ["db/d?sslmode=on", "use disable or allow or prefer"],
      ["db/d?sslrootcert=system&sslmode=require", "use verify-full"],
      ["db/d?channel_binding=require", "use disable or prefer"],
      ["db/d?target_session_attrs=standby", "use any or read-write or primary"],
      ["db/d?host=a,b", "names several hosts"],
      ["db/d?port=70000", "whole number from 1 to 65535"],
      ["db/%zz", "write '%' as '%25'"],
    ] as const
  ) {
    const error = assertThrows(() => target(`postgres://u:s3cret@${rest}`), ConfigurationError);
    assertStringIncludes(error.message, reason);
    assert(!error.message.includes("s3cret"));
  }
  const standby = (name: string) => name === "PGTARGETSESSIONATTRS" ? "standby" : undefined;
  const error = assertThrows(() => parseTarget("postgres://db/d", standby), ConfigurationError);
  assertStringIncludes(error.message, "PGTARGETSESSIONATTRS");
});
