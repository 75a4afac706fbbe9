/** The user that servers run as which refuse to run as root.
 * @module
 */

/** An ordinary user of this machine when we are root; `undefined` when we are not. */
export async function ordinaryUser(): Promise<{ uid: number; gid: number } | undefined> {
  if (Deno.uid() !== 0) return undefined;
  const users = (await Deno.readTextFile("/etc/passwd")).split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  if (!user) throw new Error("Cannot start a server as root: there is no user postgres or nobody");
  return { uid: Number(user[2]), gid: Number(user[3]) };
}
