/** Provides a small disk that can be filled.
 * @module
 */
import { run } from "../support/process.ts";

const SIZE = "700m";
const PIECE = new Uint8Array(1024 * 1024);

/** A tmpfs mounted on a folder (as root on Linux), else the folder itself, which cannot be filled. */
export class Disk implements AsyncDisposable {
  readonly #folder: string;
  readonly #mounted: boolean;

  private constructor(folder: string, mounted: boolean) {
    this.#folder = folder;
    this.#mounted = mounted;
  }

  static async mount(folder: string): Promise<Disk> {
    const may = Deno.build.os === "linux" && Deno.uid() === 0;
    if (may) await run("mount", ["-t", "tmpfs", "-o", `size=${SIZE}`, "tmpfs", folder]);
    return new Disk(folder, may);
  }

  /** Fills the disk.
   *
   * @throws if the disk is not a tmpfs */
  fill(): void {
    if (!this.#mounted) {
      throw new Error(
        "Cannot fill the disk as only root can mount a small one: run as root on Linux",
      );
    }
    using ballast = Deno.openSync(this.#ballast, { write: true, create: true });
    for (let size = PIECE.length; size >= 1;) {
      try {
        if (ballast.writeSync(PIECE.subarray(0, size)) < size) size >>= 1;
      } catch {
        size >>= 1;
      }
    }
  }

  /** Frees the space again. */
  free(): void {
    Deno.removeSync(this.#ballast);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#mounted) await run("umount", ["--lazy", this.#folder]);
  }

  get #ballast(): string {
    return `${this.#folder}/ballast`;
  }
}
