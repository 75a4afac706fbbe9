/** Warns whoever expects `dev` to use the servers that the environment names. */

const VARIABLES = ["AMQP_URL", "AMQP_URL_FILE", "DATABASE_URL", "DATABASE_URL_FILE"] as const;

/** Variables that `dev` needs to see, to say that it ignores them. */
export const IGNORED_VARIABLES: readonly string[] = VARIABLES;

/** The warning; `undefined` when no server is named.
 *
 * @param isSet whether a variable has a value. Default: in this process's environment, where it may look */
export function ignoredServers(isSet: (name: string) => boolean = isSetHere): string | undefined {
  const names = VARIABLES.filter(isSet);
  if (names.length === 0) return undefined;
  return [
    `Warning: dev ignores ${
      names.join(" and ")
    }. It uses a broker and a database of its own, in this process.`,
    "To use the servers: `deno task migrate`, then `deno task api`, `deno task worker` and `deno task beat`.",
  ].join("\n");
}

function isSetHere(name: string): boolean {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" && (Deno.env.get(name) ?? "") !== "";
}
