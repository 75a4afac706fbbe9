import { assert, assertEquals, assertRejects } from "@std/assert";
import { hashPassword, isHashOf } from "../../../../cli/rabbitmq/password.ts";
import { hashFor, type SecretSource } from "../../../../cli/rabbitmq/secrets.ts";
import { brokerUsers } from "../../../../cli/rabbitmq/users.ts";
import { ConfigurationError } from "../../../../shared/errors.ts";

const API = brokerUsers().find(({ role }) => role === "api")!;

function source(
  variables: Record<string, string>,
  files: Record<string, string> = {},
): SecretSource {
  return {
    env: (name) => variables[name],
    readFile(path) {
      const text = files[path];
      if (text === undefined) throw new Error("No such file");
      return text;
    },
  };
}

Deno.test("hashFor() hashes the password of a variable", async () => {
  const hash = await hashFor(API, source({ CELERIAC_BROKER_PASSWORD_API: "hush" }));
  assert(hash && await isHashOf("hush", hash));
});

Deno.test("hashFor() reads a file without its last line end", async () => {
  for (const text of ["hush", "hush\n", "hush\r\n"]) {
    const hash = await hashFor(
      API,
      source({ CELERIAC_BROKER_PASSWORD_API_FILE: "/run/secrets/api" }, {
        "/run/secrets/api": text,
      }),
    );
    assert(hash && await isHashOf("hush", hash));
  }
});

Deno.test("hashFor() accepts an existing hash, by variable or by file", async () => {
  const ready = await hashPassword("hush");
  const name = "CELERIAC_BROKER_PASSWORD_HASH_API";
  assertEquals(await hashFor(API, source({ [name]: ready.password_hash })), ready);
  const byFile = source({ [`${name}_FILE`]: "hash" }, { hash: `${ready.password_hash}\n` });
  assertEquals(await hashFor(API, byFile), ready);
});

Deno.test("hashFor() keeps the stored hash while the password is the same", async () => {
  const stored = await hashPassword("hush", undefined, "rabbit_password_hashing_sha512");
  const given = (password: string) => source({ CELERIAC_BROKER_PASSWORD_API: password });
  assertEquals(await hashFor(API, given("hush"), stored), stored);
  const changed = await hashFor(API, given("other"), stored);
  assert(changed && await isHashOf("other", changed));
});

Deno.test("hashFor() returns nothing when no variable is set or all are empty", async () => {
  assertEquals(await hashFor(API, source({})), undefined);
  assertEquals(await hashFor(API, source({ CELERIAC_BROKER_PASSWORD_API: "" })), undefined);
});

const refusals: Record<string, [SecretSource, string]> = {
  "two variables": [
    source({ CELERIAC_BROKER_PASSWORD_API: "a", CELERIAC_BROKER_PASSWORD_API_FILE: "b" }),
    "because CELERIAC_BROKER_PASSWORD_API and CELERIAC_BROKER_PASSWORD_API_FILE are both set",
  ],
  "a file that is not there": [
    source({ CELERIAC_BROKER_PASSWORD_API_FILE: "/nowhere" }),
    "Cannot read '/nowhere' because No such file: write the value of CELERIAC_BROKER_PASSWORD_API",
  ],
  "an empty file": [
    source({ CELERIAC_BROKER_PASSWORD_API_FILE: "empty" }, { empty: "\n" }),
    "Cannot use the file of CELERIAC_BROKER_PASSWORD_API_FILE because it is empty",
  ],
  "a hash that is none": [
    source({ CELERIAC_BROKER_PASSWORD_HASH_API: "hush-hush" }),
    "Cannot use CELERIAC_BROKER_PASSWORD_HASH_API because it is no RabbitMQ hash",
  ],
};

for (const [what, [secrets, message]] of Object.entries(refusals)) {
  Deno.test(`hashFor() refuses ${what} and shows no secret`, async () => {
    const error = await assertRejects(() => hashFor(API, secrets), ConfigurationError, message);
    assert(!error.message.includes("hush"));
  });
}
