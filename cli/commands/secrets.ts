/** `cli.ts secrets`: the Secrets that the manifests of infra/k8s mount. */
import { closest } from "../../shared/text/closest.ts";
import { DEFAULT_VHOST } from "../rabbitmq/render.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printJson } from "../terminal/print.ts";
import { readSecretFolder, writeSecretFolder } from "../secrets/secret_folder.ts";
import {
  BROKER_ROLES,
  DATABASE_ROLES,
  presentSecrets,
  secretManifests,
  type SecretOptions,
  type Servers,
  TOKEN,
} from "../secrets/secret_manifests.ts";

/** Prints Secrets for `kubectl create -f -`. */
export const secrets: Command = {
  summary: "generate the Secrets that the Kubernetes manifests mount",
  details: [
    "Run this once for a new cluster. The first command creates the namespace:",
    "",
    "  kubectl apply -f infra/k8s/base/namespace.yaml",
    "  deno task -q secrets | kubectl create -f -",
    "",
    "--rotate reads the Secrets from standard input and replaces only the named passwords:",
    "",
    "  kubectl -n celeriac get secret -o json | deno task -q secrets --rotate=worker | kubectl apply -f -",
    "",
    "--folder writes them as files, FOLDER/SECRET/KEY, which infra/compose.yaml mounts, or rotates those files:",
    "",
    "  deno task secrets --folder=infra/secrets",
    "  deno task secrets --folder=infra/secrets --rotate=worker",
    "",
    `NAMES: ${[...new Set([...BROKER_ROLES, ...DATABASE_ROLES, TOKEN])].join(", ")}`,
  ].join("\n"),
  flags: {
    namespace: { value: "NAME", help: "namespace of the Secrets [celeriac]" },
    broker: {
      value: "URL",
      help: "URL of RabbitMQ without a user [amqp://rabbitmq:5672/celeriac]",
    },
    management: {
      value: "URL",
      help: "URL of its management API [http://rabbitmq.celeriac.svc:15672]",
    },
    database: {
      value: "URL",
      help: "URL of Postgres without a user [postgres://postgres:5432/celeriac]",
    },
    ca: {
      value: "FILE",
      help: "certificate (PEM) of the authority that signed the servers' certificates",
    },
    folder: { value: "FOLDER", help: "write files to this folder instead of printing" },
    json: {
      help: "print JSON: the Secrets, which is the default; with --folder, the written files",
    },
    rotate: { value: "NAMES", help: "comma-separated NAMES (above) that get new passwords" },
  },
  async run({ own }) {
    if (own.folder !== undefined) {
      const files = await writeFolder(own.folder, own);
      if ("json" in own) printJson({ folder: own.folder, files });
      return EXIT.done;
    }
    let options = await optionsOf(own);
    if (own.rotate !== undefined) {
      const { namespace, values } = presentSecrets(
        await new Response(Deno.stdin.readable).text(),
      );
      options = {
        ...await optionsOf({ namespace, ...addresses(values), ...own }),
        kept: keptBut(own.rotate, values),
      };
    }
    const items = secretManifests(options);
    printJson({ apiVersion: "v1", kind: "List", items });
    return EXIT.done;
  },
};

/** Addresses and CA of the servers, from the flags. */
async function optionsOf(
  { namespace = "celeriac", folder, ...own }: Given["own"],
): Promise<SecretOptions> {
  const {
    broker = `amqp://rabbitmq:5672/${DEFAULT_VHOST}`,
    // Fully qualified, because KEDA connects from another namespace.
    management = `http://rabbitmq${folder === undefined ? `.${namespace}.svc` : ""}:15672`,
    database = "postgres://postgres:5432/celeriac",
  } = own;
  return {
    namespace,
    broker: address("broker", broker, /^amqps?:$/),
    management: address("management", management, /^https?:$/),
    database: address("database", database, /^postgres(ql)?:$/),
    ...(own.ca === undefined ? {} : { ca: await certificate(own.ca) }),
  };
}

async function certificate(path: string): Promise<string> {
  try {
    const text = await Deno.readTextFile(path);
    if (text.includes("-----BEGIN CERTIFICATE-----")) return text;
  } catch (cause) {
    const missing = cause instanceof Deno.errors.NotFound;
    const why = missing ? "there is no such file" : (cause as Error).message;
    throw new ConfigurationError(`Cannot read '${path}' of --ca because ${why}: check the path`, {
      cause,
    });
  }
  throw new ConfigurationError(
    `Cannot use '${path}' of --ca because it holds no certificate: give a PEM file`,
  );
}

/** Addresses of the servers, from existing Secrets. */
function addresses(present: ReadonlyMap<string, string>): Partial<Servers> {
  const found = {
    broker: present.get("celeriac-api/amqp-url"),
    management: present.get("celeriac-broker/management-url"),
    database: present.get("celeriac-api/database-url"),
  };
  return Object.fromEntries(
    Object.entries(found).flatMap(([name, url]) =>
      url ? [[name, url.replace(/\/\/[^/@]*@/, "//")]] : []
    ),
  );
}

/** Creates the files of a folder, or replaces some of them.
 *
 * @returns the files, `SECRET/KEY` */
async function writeFolder(folder: string, own: Given["own"]): Promise<string[]> {
  const { rotate } = own;
  const present = await readSecretFolder(folder);
  if (rotate === undefined && present.size > 0) {
    throw new ConfigurationError(
      `Cannot make secrets in ${folder} because there are some: change them with --rotate=NAMES, or remove the folder`,
    );
  }
  if (rotate !== undefined && present.size === 0) {
    throw new ConfigurationError(
      `Cannot rotate because there are no secrets in ${folder}: make them first, without --rotate`,
    );
  }
  const options = await optionsOf({ ...addresses(present), ...own });
  const kept = rotate === undefined ? {} : { kept: keptBut(rotate, present) };
  const manifests = secretManifests({ ...options, ...kept });
  await writeSecretFolder(folder, manifests);
  return manifests.flatMap(({ metadata, stringData }) =>
    Object.keys(stringData).map((key) => `${metadata.name}/${key}`)
  );
}

/** The existing values, without those to replace. */
function keptBut(names: string, present: ReadonlyMap<string, string>): Map<string, string> {
  const known = [...new Set<string>([...BROKER_ROLES, ...DATABASE_ROLES, TOKEN])];
  const rotated = names.split(",").map((name) => name.trim()).filter(Boolean);
  for (const name of rotated) {
    if (known.includes(name)) continue;
    const near = closest(name, known);
    throw new ConfigurationError(
      `Cannot rotate '${name}' because there is no such role: ${
        near ? `did you mean '${near}'?` : `choose from ${known.join(", ")}`
      }`,
    );
  }
  return new Map([...present].filter(([key]) => !rotated.includes(key.split("/")[1]!)));
}

function address(flag: string, text: string, protocol: RegExp): string {
  const url = URL.parse(text);
  if (!url || !protocol.test(url.protocol) || url.hostname === "") {
    throw new ConfigurationError(
      `Cannot use '${text}' of --${flag} because it is no such URL: see \`deno task secrets --help\``,
    );
  }
  if (url.username || url.password) {
    throw new ConfigurationError(
      `Cannot use the URL of --${flag} because it names a user: each role gets its own user, so leave it out`,
    );
  }
  return text;
}
