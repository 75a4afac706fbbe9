/** Secrets as files, FOLDER/SECRET/KEY, for containers that mount one Secret's folder.
 *
 * @module
 */
import { join } from "node:path";
import { ConfigurationError } from "../../shared/errors.ts";
import type { SecretManifest } from "./secret_manifests.ts";

/** Reads all values of a folder, by Secret and key; empty if the folder does not exist. */
export async function readSecretFolder(folder: string): Promise<Map<string, string>> {
  const values = new Map<string, string>();
  for (const secret of await namesIn(folder)) {
    for (const key of await namesIn(join(folder, secret))) {
      values.set(`${secret}/${key}`, await Deno.readTextFile(join(folder, secret, key)));
    }
  }
  return values;
}

/** Writes each Secret's values.
 *
 * Only the owner may enter the folder. Its files are readable for all users, because the users of
 * containers have different ids and reach them only through a mount.
 *
 * @throws {ConfigurationError} when it cannot be written */
export async function writeSecretFolder(
  folder: string,
  manifests: readonly SecretManifest[],
): Promise<void> {
  try {
    await Deno.mkdir(folder, { recursive: true, mode: 0o700 });
    for (const { metadata, stringData } of manifests) {
      await Deno.mkdir(join(folder, metadata.name), { recursive: true, mode: 0o755 });
      for (const [key, value] of Object.entries(stringData)) {
        const file = join(folder, metadata.name, key);
        // In place, because a mount keeps showing a replaced file's old content.
        await Deno.writeTextFile(file, value, { mode: 0o644 });
      }
    }
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigurationError(
      `Cannot write secrets to ${folder} because of '${
        (cause as Error).message
      }': name another folder with --folder`,
      { cause },
    );
  }
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
  } catch (cause) {
    if (cause instanceof Deno.errors.NotFound) return [];
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigurationError(
      `Cannot read secrets from ${folder} because of '${
        (cause as Error).message
      }': name a folder that 'secrets' has made`,
      { cause },
    );
  }
}
