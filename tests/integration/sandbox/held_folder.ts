/** Creates a child's folder with a file, prints its path, and waits.
 *
 *     deno run -A held_folder.ts PARENT
 * @module
 */
import { Folders } from "../../../workers/sandbox/folders/folders.ts";

const folders = new Folders(Deno.args[0]!);
const { path } = await folders.make();
await Deno.mkdir(`${path}/a/b`, { recursive: true });
await Deno.writeTextFile(`${path}/a/b/file`, "left");
console.log(`folder ${path} is made`);
setInterval(() => {}, 1000);
