/** The Secrets that the Kubernetes manifests mount. */
import { ConfigurationError } from "../../shared/errors.ts";
import { brokerUsers } from "../rabbitmq/users.ts";

/** Broker users to create: those of Celeriac itself, and the one of other systems that publish and receive events. */
export const BROKER_ROLES = [
  "admin",
  "api",
  "worker",
  "beat",
  "dead",
  "monitor",
  "keda",
  "events",
] as const;
/** Logins of the database; `postgres` is the superuser of the component for development. */
export const DATABASE_ROLES = ["postgres", "migrate", "api", "worker", "beat"] as const;
/** Value of `--rotate` for the API token. */
export const TOKEN = "token";

/** Bytes of a password. Written in hexadecimal, which every client accepts in URLs. */
const PASSWORD_BYTES = 24;

/** Addresses of the servers from inside the cluster. */
export interface Servers {
  readonly broker: string;
  readonly management: string;
  readonly database: string;
}

/** Options of the Secrets. */
export interface SecretOptions extends Servers {
  readonly namespace: string;
  /** CA certificate of the servers, PEM; default: Deno's CA store. */
  readonly ca?: string;
  /** Values to keep, by Secret and key. */
  readonly kept?: ReadonlyMap<string, string>;
}

/** A Secret as the Kubernetes API accepts it. */
export interface SecretManifest {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly metadata: { name: string; namespace: string; labels: Record<string, string> };
  readonly type: "Opaque";
  readonly stringData: Readonly<Record<string, string>>;
}

/** All Secrets. Each process gets its own, without values that it does not need. */
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
    manifest("celeriac-events", { ...trusted, "amqp-url": amqp("events") }),
  ];
}

/** Parses the output of `kubectl get secret -o json`: the namespace, and values by Secret and key.
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
    "Cannot rotate because there is no Secret named celeriac-... in standard input: make them with `deno task -q secrets | kubectl create -f -`",
  );
}

function signed(base: string, user: string, secret: string): string {
  return base.replace("://", `://${user}:${secret}@`);
}

function password(): string {
  return crypto.getRandomValues(new Uint8Array(PASSWORD_BYTES)).toHex();
}
