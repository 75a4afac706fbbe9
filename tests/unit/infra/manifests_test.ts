import { assert, assertEquals } from "@std/assert";
import { loadConfig } from "../../../shared/config/config.ts";
import { BESIDES_HEAP_MB } from "../../../workers/sandbox/pool.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import * as sample from "../../../shared/tasks/mod.ts";
import { BROKER_ROLES, secretManifests } from "../../../cli/secrets/secret_manifests.ts";
import {
  field,
  type Manifest,
  nameOf,
  OVERLAYS,
  parseManifests,
  podsOf,
  readManifests,
} from "../../support/manifests.ts";
import { CHECKS } from "../../support/manifest_checks.ts";

/** What a worker itself holds, with room for bodies in hand. */
const workerMb = 256;

/** Seconds after the grace in which a worker settles and closes. */
const settling = 15;

for (const overlay of OVERLAYS) {
  const manifests = readManifests(overlay);

  for (const check of CHECKS) {
    Deno.test(`${overlay}: ${check.name}`, () => {
      const excused = Object.keys(check.excused ?? {});
      assertEquals(check.wrong(manifests).filter((name) => !excused.includes(name)), []);
    });
  }

  Deno.test(`${overlay}: every Secret key in use is created by cli.ts secrets`, () => {
    const made = new Map(
      secretManifests({
        namespace: "celeriac",
        broker: "amqp://rabbitmq/celeriac",
        management: "http://rabbitmq:15672",
        database: "postgres://postgres/celeriac",
      }).map(({ metadata, stringData }) => [metadata.name, Object.keys(stringData)]),
    );
    const missing = secretFiles(manifests).filter(({ secret, key }) =>
      !made.get(secret)?.includes(key)
    );
    assertEquals(missing, []);
    assert(secretFiles(manifests).length > 10);
  });

  Deno.test(`${overlay}: every broker user of the Secrets is created, with its password`, () => {
    const texts = podsOf(manifests).flatMap(({ spec }) => [
      ...spec.containers ?? [],
      ...spec.initContainers ?? [],
    ]).flatMap(({ args = [] }) => args.filter((one) => one.startsWith("--users=")));
    assert(texts.length >= 1);
    for (const text of texts) assertEquals(text, `--users=${BROKER_ROLES.join()}`);
    const files = manifests.flatMap(({ kind, data = {} }) =>
      kind === "ConfigMap" ? Object.entries(data as Record<string, string>) : []
    ).filter(([name]) => name.startsWith("CELERIAC_BROKER_PASSWORD_"));
    assertEquals(
      files.toSorted(),
      BROKER_ROLES.map((role): [string, string] => [
        `CELERIAC_BROKER_PASSWORD_${role.toUpperCase()}_FILE`,
        `/run/secrets/celeriac/${role}`,
      ]).toSorted(),
    );
  });

  Deno.test(`${overlay}: a worker's pod has enough memory for its children`, () => {
    const worker = podsOf(manifests).find(({ owner }) => nameOf(owner) === "Deployment/worker");
    const [, size, unit] = /^(\d+)([MG])i$/.exec(
      `${worker?.containers[0]?.resources?.limits?.memory}`,
    ) ?? [];
    const limitMb = Number(size) * (unit === "G" ? 1024 : 1);
    const { heapMb, processes } = loadConfig("worker", {
      flags: {},
      env: (name) => settingsOf(manifests)[name],
    });
    assert(limitMb >= workerMb + processes * (heapMb + BESIDES_HEAP_MB), `${limitMb} MiB`);
  });

  Deno.test(`${overlay}: a worker's termination period exceeds its grace, and the grace every hard limit`, () => {
    const worker = podsOf(manifests).find(({ owner }) => nameOf(owner) === "Deployment/worker");
    const grace = Number(settingsOf(manifests).CELERIAC_GRACE);
    const limits = [...Registry.fromModule(sample, "the sample app")].map(({ timeLimit }) =>
      timeLimit?.hard ?? 0
    );
    assert(grace >= Math.max(...limits), `${grace} s`);
    assert((worker?.spec.terminationGracePeriodSeconds ?? 0) >= grace + settling);
  });
}

Deno.test("each check finds its mistake", () => {
  const bad = parseManifests(Deno.readTextFileSync(new URL("bad.yaml", import.meta.url)));
  assertEquals(CHECKS.filter((check) => check.wrong(bad).length === 0).map(({ name }) => name), []);
});

Deno.test("every exception is needed by an overlay", () => {
  const all = OVERLAYS.map(readManifests);
  const idle = CHECKS.flatMap((check) =>
    Object.keys(check.excused ?? {})
      .filter((name) => all.some((manifests) => owners(manifests).includes(name.split(" ")[0]!)))
      .filter((name) => !all.some((manifests) => check.wrong(manifests).includes(name)))
      .map((name) => `${check.name}: ${name}`)
  );
  assertEquals(idle, []);
});

function owners(manifests: readonly Manifest[]): string[] {
  return manifests.map(nameOf);
}

/** The settings that every role reads. */
function settingsOf(manifests: readonly Manifest[]): Record<string, string> {
  const map = manifests.find(({ kind, metadata }) =>
    kind === "ConfigMap" && /^celeriac-\w+$/.test(metadata.name)
  );
  return field(map, "data") as Record<string, string>;
}

/** Each file that a variable `..._FILE` names, as the Secret and the key that are mounted there. */
function secretFiles(manifests: readonly Manifest[]): { secret: string; key: string }[] {
  const maps = new Map(
    manifests.filter(({ kind }) => kind === "ConfigMap").map((map) => [
      map.metadata.name,
      field(map, "data") as Record<string, string>,
    ]),
  );
  return podsOf(manifests).flatMap(({ spec, containers }) =>
    containers.flatMap(({ env = [], envFrom = [], volumeMounts = [] }) => {
      const given = envFrom.flatMap(({ configMapRef }) =>
        Object.entries(maps.get(configMapRef?.name ?? "") ?? {})
      );
      const all = [...given, ...env.map(({ name, value = "" }): [string, string] => [name, value])];
      return all.filter(([, path]) => path.startsWith("/run/secrets/")).map(([name, path]) => {
        const mount = volumeMounts.find(({ mountPath }) => path.startsWith(`${mountPath}/`));
        const volume = (spec.volumes ?? []).find((one) => one.name === mount?.name);
        const secret = volume?.secret?.secretName ?? `nothing at ${path} for ${name}`;
        return { secret, key: path.slice((mount?.mountPath.length ?? 0) + 1) };
      });
    })
  );
}
