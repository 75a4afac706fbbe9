import {
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { presentSecrets, secretManifests } from "../../../cli/secrets/secret_manifests.ts";
import { readSecretFolder } from "../../../cli/secrets/secret_folder.ts";
import { ConfigurationError } from "../../../shared/errors.ts";
import { run } from "../../support/process.ts";
import { checkout } from "../../support/roles.ts";

const servers = {
  namespace: "shop",
  broker: "amqps://rabbit.example.com/celeriac",
  management: "https://rabbit.example.com",
  database: "postgres://db.example.com/celeriac?sslmode=verify-full",
};

const values = (manifests: ReturnType<typeof secretManifests>) =>
  new Map(
    manifests.flatMap(({ metadata, stringData }) =>
      Object.entries(stringData).map(([key, value]) => [`${metadata.name}/${key}`, value])
    ),
  );

/** As the API server gives Secrets back. */
const stored = (manifests: ReturnType<typeof secretManifests>) =>
  JSON.stringify({
    items: manifests.map(({ metadata, stringData }) => ({
      metadata,
      data: Object.fromEntries(
        Object.entries(stringData).map(([key, value]) => [
          key,
          new TextEncoder().encode(value).toBase64(),
        ]),
      ),
    })),
  });

Deno.test("secretManifests() gives each role a URL with a separate user and password", () => {
  const made = values(secretManifests(servers));
  const worker = made.get("celeriac-broker/worker");
  assertEquals(
    made.get("celeriac-worker/amqp-url"),
    `amqps://celeriac-worker:${worker}@rabbit.example.com/celeriac`,
  );
  assertEquals(
    made.get("celeriac-events/amqp-url"),
    `amqps://celeriac-events:${made.get("celeriac-broker/events")}@rabbit.example.com/celeriac`,
  );
  assertEquals(
    made.get("celeriac-migrate/database-url"),
    `postgres://app_migrate:${
      made.get("celeriac-postgres/migrate")
    }@db.example.com/celeriac?sslmode=verify-full`,
  );
  const passwords = [...made].filter(([key]) => /broker|postgres/.test(key)).filter(([key]) =>
    !key.endsWith("-url")
  );
  for (const [, password] of passwords) assertMatch(password, /^[0-9a-f]{48}$/);
  assertEquals(new Set(passwords.map(([, password]) => password)).size, passwords.length);
});

Deno.test("secretManifests() generates passwords and keeps given ones", () => {
  const first = secretManifests(servers);
  assertNotEquals(values(first), values(secretManifests(servers)));
  const { values: kept } = presentSecrets(stored(first));
  assertEquals(values(secretManifests({ ...servers, kept })), values(first));
});

Deno.test("secrets --rotate changes only a role's passwords and the URLs that contain them", async () => {
  const first = secretManifests(servers);
  const file = await Deno.makeTempFile();
  await Deno.writeTextFile(file, stored(first));
  const text = await run("sh", [
    "-c",
    `"${Deno.execPath()}" run ${checkout}cli.ts secrets --rotate=worker < ${file}`,
  ]);
  await Deno.remove(file);
  const before = values(first);
  const { items } = JSON.parse(text);
  assertEquals(items[0].metadata.namespace, servers.namespace);
  const after = values(items);
  assertEquals([...after].filter(([key, value]) => before.get(key) !== value).map(([key]) => key), [
    "celeriac-worker/amqp-url",
    "celeriac-worker/database-url",
    "celeriac-broker/worker",
    "celeriac-postgres/worker",
  ]);
});

Deno.test("secretManifests() gives the servers' CA certificate to each role that connects, and keeps it", () => {
  const first = secretManifests({ ...servers, ca: "-----BEGIN CERTIFICATE-----" });
  const trusting = [...values(first).keys()].filter((key) => key.endsWith("/ca.crt"));
  const roles = ["api", "worker", "beat", "migrate", "broker", "events"];
  assertEquals(trusting, roles.map((role) => `celeriac-${role}/ca.crt`));
  const { values: kept } = presentSecrets(stored(first));
  assertEquals(values(secretManifests({ ...servers, kept })), values(first));
});

Deno.test("presentSecrets() rejects input that is not a list of Celeriac's Secrets", () => {
  assertThrows(() => presentSecrets("no"), ConfigurationError, "pipe `kubectl get secret");
  assertThrows(() => presentSecrets('{"items":[]}'), ConfigurationError, "no Secret named");
});

Deno.test("secrets --folder writes a file for each value, and --rotate changes a role's", async () => {
  const parent = await Deno.makeTempDir();
  const folder = `${parent}/secrets`;
  const make = (...flags: string[]) =>
    run(Deno.execPath(), [
      "run",
      `--allow-read=${folder}`,
      `--allow-write=${folder}`,
      `${checkout}cli.ts`,
      "secrets",
      `--folder=${folder}`,
      ...flags,
    ]);
  await assertRejects(() => make("--rotate=worker"), Error, "make them first");
  await make();
  const before = await readSecretFolder(folder);
  const mode = (path: string) => (Deno.statSync(path).mode ?? 0) & 0o777;
  assertEquals([mode(folder), mode(`${folder}/celeriac-api/token`)], [0o700, 0o644]);
  assertEquals(
    before.get("celeriac-broker/management-url"),
    `http://celeriac-admin:${before.get("celeriac-broker/admin")}@rabbitmq:15672`,
  );
  await assertRejects(() => make(), Error, "--rotate=NAMES");
  await make("--rotate=token");
  const after = await readSecretFolder(folder);
  await Deno.remove(parent, { recursive: true });
  assertEquals([...after.keys()], [...before.keys()]);
  const changed = [...after].filter(([key, value]) => before.get(key) !== value);
  assertEquals(changed.map(([key]) => key), ["celeriac-api/token"]);
});
