import { modulesOf } from "../../../cli/app.ts";
import { argumentsOf } from "../../../cli/commands/call.ts";
import { bindRemote } from "../../../cli/remote_control.ts";
import { presentSecrets } from "../../../cli/secrets/secret_manifests.ts";
import { checkVariables } from "../../../cli/variables.ts";
import { numericFlags, refuseArguments, subcommandOf } from "../../../cli/terminal/arguments.ts";
import { parseAmqpUrl } from "../../../shared/broker/amqp/address.ts";
import { loadConfig, parseFlags } from "../../../shared/config/config.ts";
import { hashFor } from "../../../cli/rabbitmq/secrets.ts";
import { brokerUsers, selectUsers } from "../../../cli/rabbitmq/users.ts";
import { Registry } from "../../../shared/contracts/registry.ts";
import { TaskRouter } from "../../../shared/outbox/task_router.ts";
import type { Role, SettingKey } from "../../../shared/config/settings.ts";
import { type Mistake, testMistakes } from "../../support/mistakes.ts";

const variable = (role: Role, name: string, value: string) => () =>
  loadConfig(role, { flags: {}, env: (other) => other === name ? value : undefined });
const setting = (role: Role, flags: Partial<Record<SettingKey, string>>) => () =>
  loadConfig(role, { flags, env: () => undefined });
const flags = (role: Role, ...args: string[]) => () => parseFlags(role, args);
const app = (role: Role, given: Partial<Record<SettingKey, string>>) => () =>
  modulesOf(setting(role, given)(), role);
const file = (path: string, error: Error) => () =>
  loadConfig("api", {
    flags: {},
    env: (name) => name === "AMQP_URL_FILE" ? path : undefined,
    readFile: () => {
      throw error;
    },
  });

const SETTINGS: Mistake[] = [
  [
    "Cannot use 'many' of CELERIAC_CONCURRENCY because it is not a whole number from 1 to 10000: correct it (maximum number of inline handlers that run at once in one worker)",
    variable("worker", "CELERIAC_CONCURRENCY", "many"),
  ],
  [
    "Cannot use '0' of CELERIAC_CONCURRENCY because it is not a whole number from 1 to 10000: correct it (maximum number of inline handlers that run at once in one worker)",
    variable("worker", "CELERIAC_CONCURRENCY", "0"),
  ],
  [
    "Cannot use '1.5' of CELERIAC_CONCURRENCY because it is not a whole number from 1 to 10000: correct it (maximum number of inline handlers that run at once in one worker)",
    variable("worker", "CELERIAC_CONCURRENCY", "1.5"),
  ],
  [
    "Cannot use '0x10' of CELERIAC_CONCURRENCY because it is not a whole number from 1 to 10000: correct it (maximum number of inline handlers that run at once in one worker)",
    variable("worker", "CELERIAC_CONCURRENCY", "0x10"),
  ],
  [
    "Cannot use '1000' of CELERIAC_PREFETCH_FACTOR because it is not a number from 1 to 100: correct it (maximum number of unacked deliveries per slot (inline handler or child process); slow tasks get fewer; lower it if messages are large)",
    variable("worker", "CELERIAC_PREFETCH_FACTOR", "1000"),
  ],
  [
    "Cannot use '30s' of CELERIAC_GRACE because it is not a number of seconds from 0 up: correct it (time for running tasks to finish after SIGTERM)",
    variable("worker", "CELERIAC_GRACE", "30s"),
  ],
  [
    "Cannot use '' of --grace because it is not a number of seconds from 0 up: correct it (time for running tasks to finish after SIGTERM)",
    setting("worker", { grace: "" }),
  ],
  [
    "Cannot use 'worker-1' of CELERIAC_NODE because it is not like name@host: write celeriac@host-1 (node name of the worker; must be unique)",
    variable("worker", "CELERIAC_NODE", "worker-1"),
  ],
  [
    "Cannot use 'tmp' of CELERIAC_SANDBOX_FOLDER because it is not an absolute path: begin it with / (parent of the private folders of child processes whose contract requests one)",
    variable("worker", "CELERIAC_SANDBOX_FOLDER", "tmp"),
  ],
  [
    "Cannot use 'maybe' of CELERIAC_EVENTS because it is neither yes nor no: give 1, true, yes, on, 0, false, no, off (publish task events to the exchange `celeryev`; without them a waiting request gets its result up to a second later)",
    variable("worker", "CELERIAC_EVENTS", "maybe"),
  ],
  [
    "Cannot use 'http' of --port because it is not a whole number from 0 to 65535: correct it (port of the API; 0 picks a free port)",
    setting("api", { port: "http" }),
  ],
  [
    "Cannot use '70000' of PORT because it is not a whole number from 0 to 65535: correct it (port of the API; 0 picks a free port)",
    variable("api", "PORT", "70000"),
  ],
  [
    "Cannot use '-1' of HEALTH_PORT because it is not a whole number from 0 to 65535: correct it (port of /livez, /readyz and /metrics; 0 picks a free port; the API always serves them at PORT, where /metrics needs the token, and for it 0 means no second port)",
    variable("api", "HEALTH_PORT", "-1"),
  ],
  [
    "Cannot use the value of CELERIAC_API_TOKEN because it has fewer than 16 characters: make a longer one (bearer token with all rights; commands can send an API key or a JWT instead)",
    variable("api", "CELERIAC_API_TOKEN", "short"),
  ],
  [
    "Cannot use 'warn' of CELERIAC_LOG_LEVEL because it is not one of debug, info, warning, error: did you mean 'warning'? (debug, info, warning or error)",
    variable("api", "CELERIAC_LOG_LEVEL", "warn"),
  ],
  [
    "Cannot use 'xml' of CELERIAC_LOG_FORMAT because it is not one of text, json: choose one (text or json; one line per entry, on standard error)",
    variable("api", "CELERIAC_LOG_FORMAT", "xml"),
  ],
  [
    "Cannot use 'djago' of CELERIAC_RESULTS because it is not one of native, django: did you mean 'django'? (tables for the records: native (Celeriac's) or django (of django-celery-results))",
    variable("api", "CELERIAC_RESULTS", "djago"),
  ],
  [
    "Cannot use '1' of CELERIAC_RETENTION because it is not a number of seconds from 60 up: correct it (age at which final records are deleted)",
    variable("api", "CELERIAC_RETENTION", "1"),
  ],
  [
    "Cannot use 'localhost:8000' of --url because it has no scheme: put http:// before it, as in http://127.0.0.1:8000 (URL of the API)",
    setting("call", { url: "localhost:8000" }),
  ],
  [
    "Cannot use 'ftp://localhost' of --url because it is not such a URL: write it as http://127.0.0.1:8000 (URL of the API)",
    setting("call", { url: "ftp://localhost" }),
  ],
  [
    "Cannot use the value of AMQP_URL because it has no scheme: put amqp:// before it, as in amqp://user:password@host:5672/vhost (URL of RabbitMQ)",
    variable("worker", "AMQP_URL", "rabbit:5672"),
  ],
  [
    "Cannot use the value of AMQP_URL because it is not such a URL: write it as amqp://user:password@host:5672/vhost (URL of RabbitMQ)",
    variable("worker", "AMQP_URL", "http://me:secret@rabbit"),
  ],
  [
    "Cannot use the value of DATABASE_URL because it is not such a URL: write it as postgres://user:password@host:5432/database (URL of the Postgres database with the records and the outbox)",
    variable("worker", "DATABASE_URL", "mysql://me:secret@db/shop"),
  ],
  [
    "Cannot use the value of MANAGEMENT_URL because it has no scheme: put http:// before it, as in http://user:password@host:15672 (URL of RabbitMQ's management API, with an administrator's login)",
    variable("definitions", "MANAGEMENT_URL", "rabbit:15672"),
  ],
  [
    "Cannot read '/run/url' because there is no such file: write the value of AMQP_URL to it, or correct AMQP_URL_FILE (on Kubernetes: make the Secrets by `deno task secrets`)",
    file("/run/url", new Deno.errors.NotFound("gone")),
  ],
  [
    "Cannot read '/run/url' because it is a folder: write the value of AMQP_URL to it, or correct AMQP_URL_FILE (on Kubernetes: make the Secrets by `deno task secrets`)",
    file("/run/url", new Error("it is a folder")),
  ],
  [
    "Cannot use CELERIAC_CONTRACT because no setting has that name: did you mean CELERIAC_CONTRACTS? (`deno task cli COMMAND --help` lists all)",
    () => checkVariables({ CELERIAC_CONTRACT: "./a.ts" }),
  ],
  [
    "Cannot use CELERIAC_AMQP_URL because no setting has that name: did you mean AMQP_URL? (`deno task cli COMMAND --help` lists all)",
    () => checkVariables({ CELERIAC_AMQP_URL: "amqp://x" }),
  ],
  [
    "Cannot use CELERIAC_ZEBRA because no setting has that name: unset it (`deno task cli COMMAND --help` lists all)",
    () => checkVariables({ CELERIAC_ZEBRA: "1" }),
  ],
  [
    "Cannot use CELERIAC_BROKER_PASSWORD_WROKER because no setting has that name: did you mean CELERIAC_BROKER_PASSWORD_WORKER? (`deno task cli COMMAND --help` lists all)",
    () => checkVariables({ CELERIAC_BROKER_PASSWORD_WROKER: "x" }),
  ],
  [
    "Cannot load the app because no module of contracts is named: set CELERIAC_CONTRACTS, or give --contracts=./contracts.ts, or start in a folder that holds contracts.ts and handlers.ts (--sample runs the sample app)",
    app("api", {}),
  ],
  [
    "Cannot load the app because no module of contracts and handlers is named: set CELERIAC_CONTRACTS and CELERIAC_HANDLERS, or give --contracts=./contracts.ts and --handlers=./handlers.ts, or start in a folder that holds contracts.ts and handlers.ts (--sample runs the sample app)",
    app("worker", {}),
  ],
  [
    "Cannot load the app because no module of handlers is named: set CELERIAC_HANDLERS, or give --handlers=./handlers.ts",
    app("worker", { contracts: "./contracts.ts" }),
  ],
  [
    "Cannot load the app because no module of contracts is named: set CELERIAC_CONTRACTS, or give --contracts=./contracts.ts",
    app("worker", { handlers: "./handlers.ts", sample: "1" }),
  ],
  [
    "Cannot load the app because no module of handlers is named: set CELERIAC_HANDLERS, or give --handlers=./handlers.ts",
    app("dev", { contracts: "./contracts.ts" }),
  ],
  [
    "Cannot use route 'shop.*' because it is not PATTERN=QUEUE: write it like shop.mail.*=mails",
    () => new TaskRouter(new Registry([]), ["shop.*"]),
  ],
  [
    "Cannot use the broker's URL because its vhost contains a '%' that starts no valid escape: write it as '%25' in AMQP_URL",
    () => parseAmqpUrl("amqp://rabbit/%zz"),
  ],
  [
    "Cannot use the broker's URL because its heartbeat is not a number of seconds: correct AMQP_URL",
    () => parseAmqpUrl("amqp://rabbit/?heartbeat=often"),
  ],
];

const COMMANDS: Mistake[] = [
  [
    "Cannot use flag --concurency because this command has no such flag: did you mean --concurrency?",
    flags("worker", "--concurency=3"),
  ],
  [
    "Cannot use flag --concurrency because it belongs to other commands (worker, dev): leave it out",
    flags("api", "--concurrency=3"),
  ],
  [
    "Cannot use flag --startup-error-seconds because this setting has no flag: set CELERIAC_STARTUP_ERROR_SECONDS",
    flags("api", "--startup-error-seconds=5"),
  ],
  [
    "Cannot use flag --colour because this command has no such flag: see --help",
    flags("api", "--colour"),
  ],
  [
    "Cannot use flag --port because its value is missing: give --port=VALUE",
    flags("api", "--port"),
  ],
  ["Cannot use '-p' because flags begin with two dashes: see --help", flags("api", "-p", "80")],
  [
    "Cannot use 'port=80' because `api` takes flags only: write --port=80",
    () => refuseArguments(["port=80"], "api"),
  ],
  [
    "Cannot use 'start' because `worker` takes flags only: see `deno task cli worker --help`",
    () => refuseArguments(["start"], "worker"),
  ],
  [
    "Cannot 'shwo' letters because it is not a known command: did you mean 'show'?",
    () => subcommandOf("shwo", ["list", "show"], "letters"),
  ],
  [
    "Cannot 'explode' letters because it is not a known command: choose from list, show",
    () => subcommandOf("explode", ["list", "show"], "letters"),
  ],
  [
    "Cannot use 'long' of --wait because it is not a number from 0 up: correct it",
    () => numericFlags({ wait: "long" }, "wait"),
  ],
  ["Cannot read argument 'x' because it is not KEY=VALUE: write x=...", () => argumentsOf(["x"])],
  [
    "Cannot read the arguments because Expected property name or '}' in JSON at position 1 (line 1 column 2): give one JSON object",
    () => argumentsOf(["{x: 1}"]),
  ],
  [
    "Cannot read '/nowhere/at/all' because No such file or directory (os error 2): readfile '/nowhere/at/all': check the path",
    () => argumentsOf(["text=@/nowhere/at/all"]),
  ],
  [
    "Cannot run 'ping' because its arguments are invalid: give ping",
    () => bindRemote("ping", ["me"], { ping: "" }),
  ],
  [
    "Cannot select user 'wroker' because there is no such role: did you mean 'worker'?",
    () => selectUsers(brokerUsers(), ["wroker"]),
  ],
  [
    "Cannot read the present Secrets because the input is no list of them: pipe `kubectl get secret -o json` in",
    () => presentSecrets("{}"),
  ],
  [
    "Cannot rotate because there is no Secret named celeriac-... in standard input: make them with `deno task -q secrets | kubectl create -f -`",
    () => presentSecrets('{"items": []}'),
  ],
  [
    "Cannot choose the password of user 'celeriac-api' because CELERIAC_BROKER_PASSWORD_API and CELERIAC_BROKER_PASSWORD_API_FILE are both set: unset one",
    () => hashFor(brokerUsers()[1]!, { env: () => "x", readFile: () => "" }),
  ],
];

testMistakes("settings", SETTINGS);
testMistakes("commands", COMMANDS);
