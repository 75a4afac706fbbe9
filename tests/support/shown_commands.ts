/** Defines how each command of the documentation is tested: order, substitutions and expected output; or why it is not tested.
 * @module
 */

/** A command that `tests/integration/documentation/servers_test.ts` runs in a copy of the checkout with real servers. */
export interface ExecutedCommand {
  /** The command on the page. */
  readonly shown: string;
  /** Substitutions: text of the page -> value of the test. */
  readonly fill?: Readonly<Record<string, string>>;
  /** Additional variables. */
  readonly env?: Readonly<Record<string, string>>;
  /** Pattern of the output. */
  readonly says: RegExp;
  /** Runs in a Django project with a `deno.json`; default: in the checkout. */
  readonly project?: true;
  /** The command keeps running and is ready when its output matches. Otherwise it must exit with code 0. */
  readonly stays?: true;
  /** Exit code, if it is not 0. */
  readonly code?: number;
}

/** The README's app, in a folder of the copy. */
const APP = { CELERIAC_CONTRACTS: "app/contracts.ts", CELERIAC_HANDLERS: "app/handlers.ts" };

const runs = (
  shown: string,
  says: RegExp,
  more: Partial<ExecutedCommand> = {},
): ExecutedCommand => ({ shown, says, ...more });
const stays = (shown: string, says: RegExp) => runs(shown, says, { stays: true });

/** In execution order. */
export const ON_SERVERS: readonly ExecutedCommand[] = [
  runs("deno task migrate", /0001|migrat/i),
  stays("deno task api", /ready at http:/),
  stays("deno task worker", /ready: consuming/),
  stays("deno task beat", /ready; health at/),
  stays("deno task cli start worker --sample", /ready: consuming/),
  runs(
    "deno run $(deno run -A cli.ts permissions worker --sample) cli.ts worker --sample",
    /ready: consuming/,
    { stays: true, env: { CELERIAC_NODE: "celeriac@web-1" } },
  ),
  stays(
    "OTEL_DENO=true OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 deno task worker",
    /ready: consuming/,
  ),
  runs("CELERIAC_API_TOKEN=$TOKEN deno task cli call add x=2 y=3", /^5$/m),
  runs("deno task secrets --folder=infra/secrets", /^/),
  runs(
    "CELERIAC_API_TOKEN=$(cat infra/secrets/celeriac-api/token) deno task cli call add x=2 y=3",
    /^5$/m,
  ),
  runs("deno task secrets --folder=infra/secrets --rotate=worker", /^/),
  runs("deno task secrets --folder=infra/secrets --rotate=events", /^/),
  runs("deno task secrets", /"kind": "List"/),
  runs("deno task -q secrets | kubectl create -f -", /^\{\n/, {
    fill: { "kubectl create -f -": "kubectl" },
  }),
  runs(
    "deno task secrets --broker=amqps://rabbit.example.com/celeriac --management=https://rabbit.example.com --database='postgres://db.example.com/celeriac?sslmode=verify-full' --ca=authority.pem",
    /@db\.example\.com/,
  ),

  runs(
    "deno task cli schedules add morning add x=2 y=3 --cron='0 6 * * mon-fri' --timezone=Asia/Seoul",
    /morning/,
  ),
  runs("deno task cli schedules add pulse add x=2 y=3 --every=30", /pulse/),
  runs("deno task cli schedules list", /morning[\s\S]*pulse/),
  runs(
    "deno task cli schedules next morning --runs=3",
    /(\d{4}-\d\d-\d\d 06:00:00 Asia\/Seoul .*\n){3}/,
  ),

  runs(
    "deno task cli events publish text.published text='One. Two.'",
    /is accepted\n {2}published-statistics: task /,
  ),
  runs(
    `curl -s "$CELERIAC_URL/v1/events" -H 'content-type: application/cloudevents+json' -d '{"specversion": "1.0", "id": "17", "source": "/shop", "type": "text.published", "data": {"text": "One."}}'`,
    /"via":"broker","subscriptions":\["published-statistics"\]/,
  ),
  runs("deno task cli events types", /text\.published/),
  runs("deno task cli subscriptions list", /published-statistics +text\.published/),
  runs(
    "deno task cli subscriptions add again text.published text.statistics text=/data/text",
    /again/,
  ),
  runs("deno task cli subscriptions pause again", /is paused/),
  runs("deno task cli subscriptions resume again", /is active/),
  runs("deno task cli subscriptions replay again", /replay/),
  runs("deno task cli subscriptions remove again", /is removed/),
  runs("deno task cli subscriptions prune --dry-run", /^/),
  runs("deno task cli events list", /text\.published/),
  runs("deno task cli events tail --types='text.*' --after=0 --limit=1", /text\.published/),

  runs('curl -s "$CELERIAC_URL/v1/series?by=task&step=300"', /"task":"add"/),
  runs('curl -s "$CELERIAC_URL/v1/queues"', /"name":"celeriac\.default","ready":\d/),
  runs("deno task cli top", /^QUEUE +READY +CONSUMERS[^]*^celeriac@web-1 +0\//m),
  runs('curl -s "$CELERIAC_URL/v1/queue-depths?queue=celeriac.default"', /"queues":\[/),
  runs("deno task cli pause task add", /task add is paused/),
  runs(
    "deno task cli pause queue celeriac.default --reason='the disk is full'",
    /queue celeriac\.default is paused/,
  ),
  runs("deno task cli pause list", /queue +celeriac\.default +paused .*the disk is full/),
  // A worker reads the pauses once a second: its reply may be empty here.
  runs("deno task cli inspect paused", /"celeriac@web-1": \[/),
  runs("deno task cli resume queue celeriac.default", /is resumed/),
  runs("deno task cli resume task add --rate=10", /is resumed/),

  runs("deno task cli inspect ping", /"ok": "pong"/),
  runs("deno task cli inspect active_queues", /"name": "celeriac\.default"/),
  runs("deno task cli inspect active", /"celeriac@web-1": \[\]/),
  runs("deno task cli inspect active --node=celeriac@web-1", /"celeriac@web-1": \[\]/),
  runs("deno task cli control rate_limit add 10/m", /new rate limit/),
  runs("deno task cli workers list", /^celeriac@web-1 /m),
  runs("deno task cli workers pool-grow celeriac@web-1 2", /pool will grow/),
  runs("deno task cli control terminate 01a20a7c-5977-7709-b73a-5760ae7a2f25", /"ok": /),
  runs(
    `curl -s "$CELERIAC_URL/v1/tasks/add?wait=5" -H 'content-type: application/json' -d '{"kwargs": {"x": 2, "y": 3}}'`,
    /"result":5/,
  ),
  runs(
    `curl -s "$CELERIAC_URL/v1/tasks:batch" -H 'content-type: application/json' -d '[{"name": "add", "args": [2, 3]}, {"name": "add", "args": [4, 5]}]'`,
    /"line":2,"status":202/,
  ),
  runs('curl -s "$CELERIAC_URL/v1/tasks/ID?wait=5"', /"state":"PENDING"/, {
    fill: { "tasks/ID": "path of the waiting task" },
  }),
  runs('curl -s "$CELERIAC_URL/v1/tasks?state=FAILURE&limit=10"', /"tasks":\[/),
  runs('curl -s "$CELERIAC_URL/v1/tasks/ID/why"', /"code":"not-due"/, {
    fill: { "tasks/ID": "path of the waiting task" },
  }),
  runs("deno task cli why ID", /^not-due: The task is due at/m, { fill: { ID: "waiting task" } }),
  runs("deno task cli revoke ID --terminate", /is REVOKED/, { fill: { ID: "waiting task" } }),
  runs("deno task cli result ID", /"state": "REVOKED"/, { fill: { ID: "waiting task" }, code: 1 }),
  runs("deno task cli tasks retry ID", /it is REVOKED: only a failed task is retried/, {
    fill: { ID: "waiting task" },
    code: 2,
  }),
  runs('curl -s -X POST "$CELERIAC_URL/v1/tasks/ID/retry"', /problems\/not-retryable/, {
    fill: { "tasks/ID": "path of the waiting task" },
  }),
  runs(
    `curl -s -X POST "$CELERIAC_URL/v1/tasks:retry" -H 'content-type: application/json' -d '{"filter": {"q": "state:failure name:mail.*"}, "dry_run": true}'`,
    /"matched":0,"states":\{\},"complete":true/,
  ),
  runs(
    "deno task cli bulk retry --filter='state:failure name:mail.*' --dry-run",
    /^0 tasks match; to change these, give --until=20/m,
  ),
  runs("deno task cli bulk list", /there are no bulk jobs/),
  runs("deno task cli tasks rerun ID", /REVOKED keeps no input/, {
    fill: { ID: "waiting task" },
    code: 2,
  }),
  runs(
    `curl -s -X POST "$CELERIAC_URL/v1/tasks/ID/rerun" -H 'content-type: application/json' -d '{"kwargs": {"order": 7}}'`,
    /problems\/no-input/,
    { fill: { "tasks/ID": "path of the waiting task" } },
  ),

  runs(
    "deno task cli key create shop --scopes=tasks:submit,tasks:read --tasks='orders.*'",
    /^celk_\w+$/m,
  ),
  runs("deno task cli key list", /shop +valid +tasks:submit,tasks:read +orders\.\*/),
  runs("deno task cli key rotate 3vKq0ZmJX2aB --grace=3600", /^celk_\w+$/m, {
    fill: { "3vKq0ZmJX2aB": "key" },
  }),
  runs("deno task cli key revoke 3vKq0ZmJX2aB", /is revoked/, { fill: { "3vKq0ZmJX2aB": "key" } }),

  runs("deno task cli dead list", /unknown-task/),
  runs("deno task cli dead list --reason=unknown-task", /unknown-task/),
  runs("deno task cli dead show 0199c6a4-5b0e-7c9b-a3a5-0d2f7f2b1c11", /"reason": "unknown-task"/, {
    fill: { "0199c6a4-5b0e-7c9b-a3a5-0d2f7f2b1c11": "dead letter" },
  }),
  runs("deno task cli dead redrive --reason=unknown-task --rate=10 --dry-run", /1/),
  runs("deno task cli dead redrive --task=NAME", /1/, { fill: { NAME: "unknown task" } }),
  runs("deno task cli dead purge --until=2026-01-01T00:00:00Z", /0/),

  runs("deno run -A @celeriac/celeriac/cli permissions api", /--allow-sys=hostname/, {
    project: true,
    env: { CELERIAC_CONTRACTS: "celeriac/contracts.ts" },
  }),
  runs(
    "deno run --no-prompt --allow-env --allow-read --allow-run=$(deno eval -p 'Deno.execPath()'),/bin/sh @celeriac/celeriac/cli start api --contracts=celeriac/contracts.ts --foreign-queues=celery",
    /ready at http:/,
    { project: true, stays: true },
  ),
  runs(
    "deno run --no-prompt --allow-env --allow-read --allow-run=$(deno eval -p 'Deno.execPath()'),/bin/sh @celeriac/celeriac/cli start worker --contracts=celeriac/contracts.ts --handlers=celeriac/handlers.ts",
    /ready: consuming/,
    { project: true, stays: true },
  ),
  runs(
    'curl localhost:8000/v1/tasks/shop.tasks.total -H \'content-type: application/json\' -H \'prefer: wait=10\' -d \'{"args": [[1, 2.5]], "options": {"queue": "celery"}}\'',
    /"state":"PENDING"/,
    { fill: { "localhost:8000": "project's API" } },
  ),

  runs("deno task definitions apply --vhost=vhost --user=user --tag=management", /applied: /, {
    fill: { "=vhost": "vhost", "=user": "user" },
  }),
  runs(
    "deno task definitions diff --vhost=vhost --user=user --tag=management",
    /nothing is missing or different/,
    { fill: { "=vhost": "vhost", "=user": "user" } },
  ),
  runs(
    "deno task definitions render --users=api,worker > definitions.json",
    /^(Task.*\n)?$/,
  ),
  runs("deno task definitions diff --users=api,worker", /missing|different/, { code: 1 }),

  runs("deno task cli tasks", /greet/, { env: APP }),
  runs("deno task cli tasks egress", /"kind": "NetworkPolicy"/, { env: APP }),
  runs(
    "CELERIAC_CONTRACTS=app/contracts.ts CELERIAC_HANDLERS=app/handlers.ts deno task cli tasks egress > overlays/mine/worker-tasks.json",
    /^(Task.*\n)?$/,
  ),
  runs("deno task cli permissions worker", /--allow-run=/, { env: APP }),
  runs("deno task cli permissions dev", /--allow-write=/),
  runs("deno task cli permissions ROLE", /--allow-sys=hostname/, {
    fill: { ROLE: "api" },
    env: APP,
  }),
  runs("deno task -q cli completions bash > celeriac.bash", /^$/),
  runs("deno task -q cli completions zsh > _celeriac", /^$/),
  runs("deno task -q cli completions fish > celeriac.fish", /^$/),
  runs("deno task cli COMMAND --help", /usage: deno task cli call/, { fill: { COMMAND: "call" } }),
  runs("deno task generate", /^/),
];

/** Executed by `tests/integration/documentation/newcomer_test.ts`, from an empty folder and an empty cache. */
export const BY_NEWCOMER = {
  start: "npx --yes deno@2.9 task dev",
  init: "deno task cli init ../shop",
  dev: "deno task dev",
  greet: "deno task call greet who=world",
  total: "deno task call orders.total 'prices=[10,2.5]'",
  invalid: "deno task call orders.total 'prices=[]'",
  program: "deno run --check --allow-net=127.0.0.1 call.ts",
} as const;

/** Commands that no test runs exactly as shown, with the reason. */
export const NOT_EXECUTED: readonly (readonly [RegExp, string])[] = [
  [/^(docker|kind) /, "needs Docker: tests/unit/infra and tests/audit check the files it reads"],
  [/kubectl (?!create -f -$)/, "needs a cluster: tests/e2e does the same there"],
  [/^cd /, "the test runs the commands that follow in that folder"],
  [/^export /, "the test sets these variables to its own servers"],
  [/^celery /, "needs Celery: tests/interop runs it"],
  [/^pip install /, "fetches from a registry of Python"],
  [/^(npx --yes deno@2\.9|deno) task (check|test(:\w+)?)( --soak)?$/, "a suite: .ci/run runs it"],
  [/^npx --yes deno@2\.9$/, "the beginning of a command"],
  [/^deno test -A --lock=tests\/deno\.lock /, "a part of a suite, with the runner's own flags"],
  [
    /^deno task (bench(:log|:sandbox|:first-run|:report)?( --[\w-]+(=\S+)?)*( report\/bench\.json)?|manifests)$/,
    "measures for minutes, or needs kubectl",
  ],
  [/^deno task screenshots$/, "writes the pictures of docs/run/page.md"],
  [/tests\/chaos\/report\.ts$/, "writes what `deno task test:chaos` has left"],
  [
    /^deno task (definitions|(-q )?cli|cli (inspect|control|permissions))$/,
    "the beginning of a command",
  ],
  [
    /^deno task definitions apply( --users=api,worker| --delay-levels=quorum)?$/,
    "changes users of the whole broker: tests/integration/cli/rabbitmq does it with its own",
  ],
];
