/** Creates a vhost with Celeriac's topology and users, as an operator does. Disposing deletes everything. */
import { Management } from "../../cli/rabbitmq/management.ts";
import { applyDefinitions } from "../../cli/rabbitmq/apply.ts";
import { renderDefinitions, type RenderOptions } from "../../cli/rabbitmq/render.ts";
import { passwordVariable } from "../../cli/rabbitmq/secrets.ts";
import { type BrokerUser, brokerUsers, projectUser } from "../../cli/rabbitmq/users.ts";
import { topology } from "../../shared/broker/topology.ts";
import { management } from "./servers.ts";

/** A provisioned vhost. */
export interface Provisioned extends AsyncDisposable {
  readonly vhost: string;
  readonly users: readonly BrokerUser[];
  /** Client of the management API, as the broker's administrator. */
  readonly management: Management;
  /** URL of the management API with the administrator's credentials. */
  readonly managementUrl: string;
  /** Input of the rendered definitions. */
  readonly options: RenderOptions;
  /** AMQP URL for a role's user. */
  url(role: BrokerUser["role"]): string;
  /** Management URL for a role's user. */
  managementUrlOf(role: BrokerUser["role"]): string;
}

/** A broker and its administrator. */
export interface BrokerUrls {
  readonly url: string;
  readonly managementUrl: string;
}

/** Names and secrets of a unique vhost; nothing is created yet.
 *
 * @param queues names of Celeriac's queues
 * @param broker default: that of `AMQP_URL` and `MANAGEMENT_URL` */
export function unprovisioned(
  queues: readonly string[],
  broker: BrokerUrls = { url: setting("AMQP_URL"), managementUrl: setting("MANAGEMENT_URL") },
): Provisioned {
  const id = crypto.randomUUID().replaceAll("-", "");
  const vhost = `test_${id}`;
  const prefix = `test-${id}-`;
  const users = [...brokerUsers({ prefix }), projectUser(`${prefix}project`)];
  const passwords = new Map(users.map((user) => [passwordVariable(user), crypto.randomUUID()]));
  const managementUrl = broker.managementUrl.replace(/\/+$/, "");
  const options: RenderOptions = {
    topology: topology(queues),
    users,
    vhost,
    secrets: { env: (name) => passwords.get(name), readFile: Deno.readTextFile },
  };
  const as = (base: string, role: BrokerUser["role"]) => {
    const user = users.find((one) => one.role === role);
    if (!user) throw new Error(`Cannot log in as ${role} because there is no such user`);
    const url = new URL(base);
    url.username = user.name;
    url.password = passwords.get(passwordVariable(user)) ?? "";
    return url;
  };
  return {
    vhost,
    users,
    options,
    managementUrl,
    management: new Management(managementUrl),
    url(role) {
      const url = as(broker.url, role);
      url.pathname = `/${vhost}`;
      return url.href;
    },
    managementUrlOf: (role) => as(managementUrl, role).href,
    async [Symbol.asyncDispose]() {
      const gone = (path: string) =>
        management(managementUrl, "DELETE", path).catch((error: Error) => {
          if (!error.message.includes("404")) throw error;
        });
      await gone(`/api/vhosts/${vhost}`);
      for (const { name } of users) await gone(`/api/users/${name}`);
    },
  };
}

/** Creates a unique vhost with Celeriac's topology and users.
 *
 * @param queues names of Celeriac's queues
 * @param broker default: that of `AMQP_URL` and `MANAGEMENT_URL` */
export async function provisioned(
  queues: readonly string[],
  broker?: BrokerUrls,
): Promise<Provisioned> {
  const fixture = unprovisioned(queues, broker);
  await applyDefinitions(fixture.management, await renderDefinitions(fixture.options));
  return fixture;
}

function setting(name: string): string {
  const value = Deno.env.get(name);
  if (!value) throw new Error(`Cannot run because ${name} is not set: run "deno task test"`);
  return value;
}
