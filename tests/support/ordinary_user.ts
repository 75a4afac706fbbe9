/** Finds a user for servers that refuse to run as root.
 * @module
 */

/** Finds an unprivileged user if this process runs as root; otherwise returns `undefined`. */
export async function ordinaryUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  if (!user) {
    throw new Error(
      "Cannot start a server as root because there is no user postgres or nobody: create one",
    );
  }
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
