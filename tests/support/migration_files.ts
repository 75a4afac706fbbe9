/** Creates folders with migrations of an app. */
import { join } from "node:path";

/** A folder that is deleted when disposed. */
export interface MigrationFolder extends AsyncDisposable {
  readonly path: string;
  /** Writes files; `null` deletes a file. */
  write(files: Readonly<Record<string, string | Uint8Array | null>>): Promise<void>;
}

/** Creates a folder with these files. */
export async function migrationFolder(
  files: Readonly<Record<string, string | Uint8Array>> = {},
): Promise<MigrationFolder> {
  const path = await Deno.makeTempDir();
  const folder: MigrationFolder = {
    path,
    async write(changes) {
      for (const [name, content] of Object.entries(changes)) {
        if (content === null) await Deno.remove(join(path, name));
        else if (typeof content === "string") await Deno.writeTextFile(join(path, name), content);
        else await Deno.writeFile(join(path, name), content);
      }
    },
    [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }),
  };
  await folder.write(files);
  return folder;
}
