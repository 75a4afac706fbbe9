/** Rejects unknown `CELERIAC_` variables, so that a mistyped one is an error. */
import { closest } from "../shared/text/closest.ts";
import { passwordVariables } from "./rabbitmq/secrets.ts";
import { brokerUsers, projectUser } from "./rabbitmq/users.ts";
import { ConfigurationError } from "../shared/errors.ts";
import { type Setting, SETTINGS } from "../shared/config/settings.ts";

const PREFIX = "CELERIAC_";

/** Variables of Celeriac's tests, which start roles in their environment. */
const TESTS = /^CELERIAC_(TEST|CHAOS)_/;

/** Variables that Kubernetes and Docker create for a service whose name begins with `celeriac`, unless `enableServiceLinks` is `false`. */
const SERVICE_LINK = /_SERVICE_(HOST|PORT(_\w+)?)$|_PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?$/;
const SERVICE_ADDRESS = /^(tcp|udp|sctp):\/\//;

/** Rejects unknown variables.
 *
 * @param variables name -> value
 * @throws {ConfigurationError} with each, and the closest known one
 *
 * @example
 * ```ts
 * import { checkVariables } from "./variables.ts";
 * import { assertThrows } from "@std/assert";
 *
 * checkVariables({ CELERIAC_GRACE: "5", CELERIAC_API_PORT: "tcp://10.0.0.1:80" });
 * assertThrows(() => checkVariables({ CELERIAC_GRASE: "5" }), Error, "did you mean CELERIAC_GRACE?");
 * ```
 */
export function checkVariables(variables: Readonly<Record<string, string>>): void {
  const known = knownVariables();
  const unknown = Object.entries(variables).filter(([name, value]) =>
    name.startsWith(PREFIX) && !known.has(name) && !isForeign(name, value)
  ).map(([name]) => name).sort();
  if (unknown.length === 0) return;
  const byStem = new Map(Array.from(known, (name) => [stem(name), name]));
  const advice = unknown.flatMap((name) => {
    const near = closest(stem(name), byStem.keys());
    if (near === undefined) return [];
    const meant = `did you mean ${byStem.get(near)}?`;
    return unknown.length === 1 ? meant : `${name}: ${meant}`;
  });
  throw new ConfigurationError(
    `Cannot use ${unknown.join(", ")} because no setting has that name: ${
      advice.join(" ") || "unset it"
    } (\`deno task cli COMMAND --help\` lists all)`,
  );
}

/** Checks this process's own variables, where it may list them: a role with exact permissions may not, and `cli.ts permissions`, which
 * printed them, has done it. */
export function checkOwnVariables(): void {
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") return;
  checkVariables(Deno.env.toObject());
}

function knownVariables(): Set<string> {
  const settings = (Object.values(SETTINGS) as Setting[]).flatMap(({ env, secret }) =>
    secret ? [env, `${env}_FILE`] : [env]
  );
  const users = [...brokerUsers(), projectUser("project", [])];
  return new Set([...settings, ...users.flatMap(passwordVariables)]);
}

/** A name without the prefix, which would make all names similar. */
function stem(name: string): string {
  return name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name;
}

function isForeign(name: string, value: string): boolean {
  return TESTS.test(name) || SERVICE_LINK.test(name) ||
    name.endsWith("_PORT") && SERVICE_ADDRESS.test(value);
}
