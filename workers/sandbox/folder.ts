/** A folder of a child's own: its working directory, empty before each task and gone with it. */
import { join } from "@std/path";
import { ConfigurationError } from "../../shared/errors.ts";

/** One folder. */
export class Folder {
  private constructor(readonly path: string) {}

  /** Makes one below `parent`.
   *
   * @throws {ConfigurationError} when this process may not */
  static async make(parent: string): Promise<Folder> {
    try {
      await Deno.mkdir(parent, { recursive: true });
      return new Folder(await Deno.makeTempDir({ dir: parent, prefix: "sandbox-" }));
    } catch (cause) {
      throw new ConfigurationError(
        `Cannot make a folder for a child process in '${parent}' as ${
          (cause as Error).message
        }: make it writable and add --allow-read=${parent} --allow-write=${parent}, or set CELERIAC_SANDBOX_FOLDER`,
        { cause },
      );
    }
  }

  /** Removes what is in it. */
  async empty(): Promise<void> {
    for await (const { name } of Deno.readDir(this.path)) {
      await Deno.remove(join(this.path, name), { recursive: true });
    }
  }

  async remove(): Promise<void> {
    await Deno.remove(this.path, { recursive: true }).catch((error) => {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    });
  }
}
