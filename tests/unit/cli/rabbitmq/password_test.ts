import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { hashPassword, isHashOf, parseHash } from "../../../../cli/rabbitmq/password.ts";

const SHA256 = "rabbit_password_hashing_sha256";
const SHA512 = "rabbit_password_hashing_sha512";

/** Made by RabbitMQ. */
const vectors = [
  {
    salt: "908dc60a",
    password: "test12",
    algorithm: SHA256,
    hash: "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR",
  },
  {
    salt: "00010203",
    password: "pä ss",
    algorithm: SHA256,
    hash: "AAECA7+FfnLo7JCa5qBAgiG9hYVtBqwoqQ7fxk8BjmIAvo0m",
  },
  {
    salt: "908dc60a",
    password: "test12",
    algorithm: SHA512,
    hash:
      "kI3GChuNuIYf8lRbCCxZjgjKwsY19ns6+uFO0zcXRBGA/XGJPYD8OWMy7EB8TaOmAzjP2azv84GbINYwX2cDWb4DHnc=",
  },
];

for (const { salt, password, algorithm, hash } of vectors) {
  Deno.test(`hashPassword() hashes '${password}' with ${algorithm} as RabbitMQ does`, async () => {
    const made = await hashPassword(password, Uint8Array.fromHex(salt), algorithm);
    assertEquals(made, { password_hash: hash, hashing_algorithm: algorithm });
  });

  Deno.test(`isHashOf() recognizes '${password}' by its ${algorithm} hash`, async () => {
    const stored = { password_hash: hash, hashing_algorithm: algorithm };
    assert(await isHashOf(password, stored));
    assert(!await isHashOf(`${password} `, stored));
    assertEquals(parseHash(hash), stored);
  });
}

Deno.test("hashPassword() uses a new salt each time", async () => {
  const [one, two] = [await hashPassword("same"), await hashPassword("same")];
  assertNotEquals(one.password_hash, two.password_hash);
  assert(await isHashOf("same", one) && await isHashOf("same", two));
});

Deno.test("isHashOf() is false for an invalid hash", async () => {
  for (const password_hash of ["", "!", "AAECAw=="]) {
    assert(!await isHashOf("secret", { password_hash, hashing_algorithm: SHA256 }));
  }
  const { password_hash } = await hashPassword("secret");
  assert(
    !await isHashOf("secret", { password_hash, hashing_algorithm: "rabbit_password_hashing_md5" }),
  );
});

Deno.test("parseHash() rejects a wrong length and invalid base64", () => {
  for (const text of ["", "secret", "not base64 at all", "AAECAw==", "AAECA7+FfnLo"]) {
    assertEquals(parseHash(text), undefined, text);
  }
});
