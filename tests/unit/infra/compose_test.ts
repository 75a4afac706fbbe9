/** Holds infra/compose.yaml against the Compose Specification's schema, the manifests and what it names. */
import { assert, assertEquals } from "@std/assert";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { BROKER_ROLES, secretManifests } from "../../../cli/secrets/secret_manifests.ts";
import { field, podsOf, readManifests } from "../../support/manifests.ts";

interface Mount {
  readonly type: "bind" | "volume";
  readonly source: string;
  readonly target: string;
  readonly read_only?: boolean;
}

interface Service {
  readonly image: string;
  readonly command?: readonly string[];
  readonly user?: string;
  readonly read_only?: boolean;
  readonly cap_drop?: readonly string[];
  readonly security_opt?: readonly string[];
  readonly networks?: readonly string[];
  readonly ports?: readonly string[];
  readonly restart?: string;
  readonly stop_grace_period?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly volumes?: readonly Mount[];
  readonly depends_on?: Readonly<Record<string, { condition: string }>>;
  readonly healthcheck?: unknown;
  readonly deploy?: { replicas: number };
}

const folder = new URL("../../../infra/", import.meta.url);
const compose = parse(Deno.readTextFileSync(new URL("compose.yaml", folder)), { merge: true });
const services: [string, Service][] = Object.entries(compose.services);
const service = (name: string) => services.find(([one]) => one === name)![1];

const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(JSON.parse(
  Deno.readTextFileSync(new URL("../tests/fixtures/compose/compose-spec.json", folder)),
));

Deno.test("compose.yaml matches the Compose Specification", () => {
  validate(compose);
  assertEquals(validate.errors ?? [], []);
});

Deno.test("the schema finds a misspelt field and a wrong condition", () => {
  const wrong = (one: object) => !validate({ services: { a: { image: "a:1", ...one } } });
  assert(!wrong({}));
  assert(wrong({ healthchek: {} }));
  assert(wrong({ depends_on: { b: { condition: "service_ready" } } }));
});

Deno.test("compose.yaml renders and applies every broker user of the Secrets", () => {
  const users = services.flatMap(([, { command = [] }]) =>
    command.filter((one) => one.startsWith("--users="))
  );
  assertEquals(users, Array(2).fill(`--users=${BROKER_ROLES.join()}`));
});

Deno.test("compose.yaml starts RabbitMQ, Postgres, a migration, the API, two workers and beat", () => {
  const names = services.map(([name]) => name);
  for (const name of ["rabbitmq", "postgres", "migrate", "api", "worker", "beat"]) {
    assert(names.includes(name), name);
  }
  assertEquals(service("worker").deploy?.replicas, 2);
});

Deno.test("every service waits for its dependencies to be healthy or complete", () => {
  const wrong = services.flatMap(([name, { depends_on = {} }]) =>
    Object.entries(depends_on).filter(([other, { condition }]) => {
      const { healthcheck, restart } = service(other);
      return condition === "service_healthy" ? !healthcheck : restart !== undefined;
    }).map(([other]) => `${name} on ${other}`)
  );
  assertEquals(wrong, []);
  for (const name of ["api", "worker", "beat"]) {
    assertEquals(Object.keys(service(name).depends_on ?? {}), ["migrate", "rabbitmq"], name);
  }
});

Deno.test("long-running services have a health check and restart; one-off services have neither", () => {
  const wrong = services.filter(([, { healthcheck, restart }]) =>
    (healthcheck === undefined) !== (restart === undefined)
  );
  assertEquals(wrong, []);
});

Deno.test("every service is confined, and only the API is reachable, from this machine", () => {
  for (const [name, one] of services) {
    assertEquals(one.read_only, true, name);
    assertEquals(one.cap_drop, ["ALL"], name);
    assertEquals(one.security_opt, ["no-new-privileges:true"], name);
    assert(!/^(0|root)\b/.test(one.user ?? "0"), name);
    assert(/:[\w.-]+$/.test(one.image) && !one.image.endsWith(":latest"), one.image);
    assertEquals(one.networks, name === "api" ? ["inside", "outside"] : ["inside"], name);
    assertEquals(one.ports, name === "api" ? ["127.0.0.1:8000:8000"] : undefined, name);
  }
  assertEquals(compose.networks.inside, { internal: true });
});

Deno.test("every mounted file is in the checkout or is a secret of cli.ts secrets", () => {
  const made = secretManifests({
    namespace: "celeriac",
    broker: "amqp://rabbitmq/celeriac",
    management: "http://rabbitmq:15672",
    database: "postgres://postgres/celeriac",
  });
  for (const [name, { volumes = [], environment = {} }] of services) {
    const keys = new Map<string, string[]>(); // target -> what is in it
    for (const { type, source, target, read_only: readOnly } of volumes) {
      if (type === "volume") {
        assert(source in compose.volumes, `${name}: ${source}`);
        continue;
      }
      assertEquals(readOnly, true, `${name}: ${source}`);
      const secret = /^\.\/secrets\/(.+)$/.exec(source)?.[1];
      if (secret === undefined) Deno.statSync(new URL(source, folder));
      else {
        const manifest = made.find(({ metadata }) => metadata.name === secret);
        keys.set(target, Object.keys(manifest?.stringData ?? {}));
      }
    }
    for (const [variable, path] of Object.entries(environment)) {
      if (!variable.endsWith("_FILE") || !path.startsWith("/run/secrets/")) {
        assert(!/PASS|TOKEN|URL|COOKIE/.test(variable), `${name}: ${variable} is no file`);
        continue;
      }
      const [, target = "", key = ""] = /^(.*)\/([^/]+)$/.exec(path) ?? [];
      assert(keys.get(target)?.includes(key), `${name}: ${variable} names ${path}`);
    }
  }
});

Deno.test("settings, commands, images and grace match the cluster's", () => {
  const manifests = readManifests("dev");
  const pods = podsOf(manifests);
  const maps = manifests.filter(({ kind }) => kind === "ConfigMap");
  const data = (name: RegExp) =>
    field(maps.find(({ metadata }) => name.test(metadata.name)), "data");
  assertEquals(compose["x-settings"], data(/^celeriac-\w+$/));
  assertEquals(compose["x-passwords"], data(/^broker-passwords-/));
  for (const name of ["api", "worker", "beat", "rabbitmq", "postgres"]) {
    const pod = pods.find(({ owner }) => owner.metadata.name === name);
    const container = pod?.containers.find((one) => one.name === name);
    assertEquals(service(name).image, container?.image);
    assertEquals(service(name).command, container?.args, name);
    assertEquals(service(name).stop_grace_period, `${pod?.spec.terminationGracePeriodSeconds}s`);
    const { runAsUser, runAsGroup } = pod?.spec.securityContext ?? {};
    assertEquals(service(name).user, `${runAsUser}:${runAsGroup}`, name);
    const own = (container?.env ?? []).map(({ name, value }) => [name, value]);
    const { environment = {} } = service(name);
    assertEquals(own.filter(([key = "", value]) => environment[key] !== value), [], name);
  }
  const render = pods.find(({ owner }) => owner.metadata.name === "rabbitmq")?.containers[0]?.args;
  assertEquals(service("definitions").command?.slice(0, 3), render?.slice(0, 3));
  const apply = pods.find(({ owner }) => owner.metadata.name === "definitions")?.containers[0]
    ?.args;
  assertEquals(service("apply").command, apply);
});
