/** Variables of libpq, such as `PGPASSWORD`. */

/** The value of a variable; `undefined` also where this process is not permitted to read it, as all of them are optional. */
export function libpqVariable(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
}
