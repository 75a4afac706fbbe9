/** `cli.ts secrets`: the Secrets that the manifests of infra/k8s mount. */
import { closest } from "../../shared/text/closest.ts";
import { brokerUsers } from "../rabbitmq/users.ts";
import { DEFAULT_VHOST } from "../rabbitmq/render.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Command, Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { readSecretFolder, writeSecretFolder } from "../secrets/secret_folder.ts";

/** Broker users that are made: those of Celeriac itself. */
const BROKER_ROLES = ["admin", "api", "worker", "beat", "dead", "monitor", "keda"] as const;
/** Logins of the database; `postgres` is the superuser of the component for development. */
const DATABASE_ROLES = ["postgres", "migrate", "api", "worker", "beat"] as const;
/** What `--rotate` takes beside roles. */
const TOKEN = "token";

/** Bytes of a password. In hexadecimal, as URLs of every client take it. */
const PASSWORD_BYTES = 24;

/** Where the servers are, as pods reach them. */
export interface Servers {
  readonly broker: string;
  readonly management: string;
  readonly database: string;
}

/** What to write. */
export interface SecretOptions extends Servers {
  readonly namespace: string;
  /** Certificate of the authority that the servers' own certificates are from, PEM; default: those that Deno knows. */
  readonly ca?: string;
  /** Secret and key -> the value that stays. */
  readonly kept?: ReadonlyMap<string, string>;
}

/** A Secret as the API server takes it. */
export interface SecretManifest {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly metadata: { name: string; namespace: string; labels: Record<string, string> };
  readonly type: "Opaque";
  readonly stringData: Readonly<Record<string, string>>;
}

/** Prints Secrets for `kubectl create -f -`. */
export const secrets: Command = {
  summary: "generate the Secrets that the Kubernetes manifests mount",
  details: [
    "Run this once for a new cluster, in an existing namespace:",
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
    rotate: { value: "NAMES", help: "comma-separated roles that get new passwords" },
  },
  async run({ own }) {
    if (own.folder !== undefined) {
      await writeFolder(own.folder, own);
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
    console.log(JSON.stringify({ apiVersion: "v1", kind: "List", items }, null, 2));
    return EXIT.done;
  },
};

/** Where the servers are, and who vouches for them, by the flags. */
async function optionsOf(
  { namespace = "celeriac", folder, ...own }: Given["own"],
): Promise<SecretOptions> {
  const {
    broker = `amqp://rabbitmq:5672/${DEFAULT_VHOST}`,
    // The whole name: KEDA asks from another namespace.
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

/** Where the servers are, by the Secrets there are. */
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

/** All Secrets. Each process gets its own, with nothing that another one needs. */
export function secretManifests(
  { namespace, kept, ca, ...servers }: SecretOptions,
): SecretManifest[] {
  const value = (secret: string, key: string) => kept?.get(`${secret}/${key}`) ?? password();
  const broker = Object.fromEntries(
    BROKER_ROLES.map((role) => [role, value("celeriac-broker", role)]),
  );
  const database = Object.fromEntries(
    DATABASE_ROLES.map((role) => [role, value("celeriac-postgres", role)]),
  );
  const userOf = (role: string) => brokerUsers().find((user) => user.role === role)!.name;
  const amqp = (role: string) => signed(servers.broker, userOf(role), broker[role]!);
  const postgres = (role: string) => signed(servers.database, `app_${role}`, database[role]!);
  const manifest = (name: string, stringData: Record<string, string>): SecretManifest => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, labels: { "app.kubernetes.io/part-of": "celeriac" } },
    type: "Opaque",
    stringData,
  });
  const authority = ca ?? kept?.get("celeriac-api/ca.crt");
  const trusted = authority === undefined ? {} : { "ca.crt": authority };
  return [
    manifest("celeriac-api", {
      ...trusted,
      "amqp-url": amqp("api"),
      "database-url": postgres("api"),
      token: value("celeriac-api", TOKEN),
    }),
    manifest("celeriac-worker", {
      ...trusted,
      "amqp-url": amqp("worker"),
      "database-url": postgres("worker"),
    }),
    manifest("celeriac-beat", {
      ...trusted,
      "amqp-url": amqp("beat"),
      "database-url": postgres("beat"),
    }),
    manifest("celeriac-migrate", { ...trusted, "database-url": postgres("migrate") }),
    manifest("celeriac-broker", {
      ...trusted,
      ...broker,
      "management-url": signed(servers.management, userOf("admin"), broker.admin!),
      "erlang-cookie": value("celeriac-broker", "erlang-cookie"),
    }),
    manifest("celeriac-postgres", database),
    manifest("celeriac-keda", {
      host: servers.management,
      username: userOf("keda"),
      password: broker.keda!,
    }),
  ];
}

/** Makes the files of a folder, or changes some of those that are there. */
async function writeFolder(folder: string, own: Given["own"]): Promise<void> {
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
  await writeSecretFolder(folder, secretManifests({ ...options, ...kept }));
}

/** What is present, without those that get a new value. */
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

/** What `kubectl get secret -o json` prints: the namespace, and secret and key -> value.
 *
 * @throws {ConfigurationError} when it is something else */
export function presentSecrets(
  text: string,
): { namespace: string; values: Map<string, string> } {
  try {
    const { items } = JSON.parse(text) as {
      items: { metadata: { name: string; namespace: string }; data?: Record<string, string> }[];
    };
    const ours = items.filter(({ metadata }) => metadata.name.startsWith("celeriac-"));
    const values = ours.flatMap(({ metadata, data = {} }) =>
      Object.entries(data).map(([key, base64]): [string, string] => [
        `${metadata.name}/${key}`,
        new TextDecoder().decode(Uint8Array.fromBase64(base64)),
      ])
    );
    if (values.length > 0) {
      return { namespace: ours[0]!.metadata.namespace, values: new Map(values) };
    }
  } catch (cause) {
    throw new ConfigurationError(
      `Cannot read the present Secrets because the input is no list of them: pipe \`kubectl get secret -o json\` in`,
      { cause },
    );
  }
  throw new ConfigurationError(
    "Cannot rotate because there is no Secret named celeriac-... in what was read: make them with `deno task -q secrets | kubectl create -f -`",
  );
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

function signed(base: string, user: string, secret: string): string {
  return base.replace("://", `://${user}:${secret}@`);
}

function password(): string {
  return crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)).toHex();
}
