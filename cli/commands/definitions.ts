/** `cli.ts definitions`: manage RabbitMQ definitions. */
import { Management } from "../rabbitmq/management.ts";
import { applyDefinitions, readDefinitions } from "../rabbitmq/apply.ts";
import { describeDifference, diffDefinitions } from "../rabbitmq/difference.ts";
import { formatDefinitions } from "../rabbitmq/document.ts";
import {
  DEFAULT_VHOST,
  renderDefinitions,
  templateDefinitions,
  type TemplateOptions,
} from "../rabbitmq/render.ts";
import type { SecretSource } from "../rabbitmq/secrets.ts";
import { type BrokerUser, brokerUsers, projectUser, selectUsers } from "../rabbitmq/users.ts";
import { ConfigurationError } from "../../shared/errors.ts";
import type { Config } from "../../shared/config/settings.ts";
import { DEFAULT_QUEUE } from "../../shared/contracts/task_definition.ts";
import { topology } from "../../shared/broker/topology.ts";
import { loadRegistry, modulesOf } from "../app.ts";
import { type Command, configOf, type Given } from "../command.ts";
import { EXIT } from "../exit.ts";
import { printAnswer } from "../terminal/print.ts";

const SECRETS: SecretSource = {
  env: (name) => Deno.env.get(name),
  readFile: (path) => Deno.readTextFile(path),
};

/** Renders, applies and compares definitions. */
export const definitions: Command = {
  summary: "render, apply or compare RabbitMQ's definitions",
  usage: "template|render|apply|diff [FLAGS]",
  words: ["template", "render", "apply", "diff"],
  details: [
    "template  print infra/rabbitmq-definitions.json, without passwords; not for import, because that would erase passwords",
    "render    print definitions with a password hash for each user, ready to import",
    "apply     import them into the broker at --management-url; idempotent",
    "diff      print what is missing or different on the broker (exit code 1 if anything is)",
    "",
    "Passwords: CELERIAC_BROKER_PASSWORD_<ROLE>, the same with _FILE, or CELERIAC_BROKER_PASSWORD_HASH_<ROLE>;",
    "for instance CELERIAC_BROKER_PASSWORD_WORKER for user celeriac-worker.",
  ].join("\n"),
  role: "definitions",
  flags: {
    vhost: {
      value: "NAME",
      help: `vhost [${DEFAULT_VHOST}]; an existing vhost keeps its metadata`,
    },
    users: {
      value: "ROLES",
      help: `comma-separated roles; only their users are written: ${
        brokerUsers().map(({ role }) => role).join(",")
      }`,
    },
    user: {
      value: "NAME",
      help: "the only user, for the vhost of a Celery project; replaces Celeriac's users",
    },
    tag: { value: "TAGS", help: "comma-separated tags of --user" },
    "delay-levels": {
      value: "TYPE",
      values: ["quorum", "classic"],
      help:
        "also declare the delay queues of Celery 5.5 and later, as quorum or classic queues; Celery workers declare them when they start",
    },
    stream: {
      help: "also declare the stream log.celeriac, from which other systems can read past events",
    },
    json: {
      help: "apply, diff: print the differences as JSON; template and render always print JSON",
    },
    out: { value: "FILE", help: "write to this file instead of standard output" },
  },
  async run(given) {
    const config = configOf(given);
    const [action = ""] = given.rest;
    const options = {
      topology: topology(await queuesOf(config), { stream: given.own.stream !== undefined }),
      vhost: given.own.vhost ?? DEFAULT_VHOST,
      ...delaysOf(given.own),
      users: usersOf(given.own, config.foreignQueues),
      // In the vhost of a Celery project, its queues must keep the type that Celery declares.
      ...(given.own.user ? { defaultQueueType: "classic" as const } : {}),
    };
    const management = () => new Management(config.managementUrl);
    switch (action) {
      case "template":
        return await write(given, formatDefinitions(templateDefinitions(options)));
      case "render":
        return await write(
          given,
          formatDefinitions(await renderDefinitions({ ...options, secrets: SECRETS })),
        );
      case "apply": {
        const stored = await readDefinitions(management(), [options.vhost]);
        const wanted = await renderDefinitions({ ...options, secrets: SECRETS, stored });
        const { changed, left } = await applyDefinitions(management(), wanted);
        const lines = [
          ...changed.map(({ object }) => `applied: ${object}`),
          ...left.map((difference) => `still ${describeDifference(difference)}`),
        ];
        printAnswer(given, { changed, left }, lines.join("\n") || "nothing to change");
        return left.length ? EXIT.failed : EXIT.done;
      }
      case "diff": {
        const actual = await readDefinitions(management(), [options.vhost]);
        const differences = diffDefinitions(templateDefinitions(options), actual);
        const wrong = differences.filter(({ kind }) => kind !== "extra");
        const lines = [
          ...differences.map(describeDifference),
          ...wrong.length === 0 ? ["nothing is missing or different"] : [],
        ];
        printAnswer(given, differences, lines.join("\n"));
        return wrong.length ? EXIT.failed : EXIT.done;
      }
      default:
        throw new ConfigurationError(
          `Cannot ${
            action || "do nothing"
          } with definitions: choose template, render, apply or diff`,
        );
    }
  },
};

/** Queues of the app; without an app, the default queues. */
async function queuesOf(config: Config): Promise<string[]> {
  if (config.contracts === undefined) return [DEFAULT_QUEUE];
  return (await loadRegistry(modulesOf(config, "definitions"))).queues;
}

function usersOf(own: Given["own"], foreignQueues: string[]): BrokerUser[] {
  const names = (text = "") => text.split(",").map((part) => part.trim()).filter(Boolean);
  if (own.user) return [projectUser(own.user, names(own.tag))];
  if (own.tag) {
    throw new ConfigurationError("Cannot use --tag without a user: give --user=NAME too");
  }
  const users = brokerUsers(foreignQueues.length ? { foreignQueues } : {});
  return own.users === undefined ? users : selectUsers(users, names(own.users));
}

function delaysOf(own: Given["own"]): Pick<TemplateOptions, "delayLevels"> {
  const type = own["delay-levels"];
  if (type === undefined) return {};
  if (type === "quorum" || type === "classic") return { delayLevels: type };
  throw new ConfigurationError(
    `Cannot make delay levels of queues of type '${type}': choose quorum or classic`,
  );
}

async function write({ own }: Given, text: string): Promise<number> {
  if (own.out) await Deno.writeTextFile(own.out, text, { mode: 0o600 });
  else await Deno.stdout.write(new TextEncoder().encode(text));
  return EXIT.done;
}
