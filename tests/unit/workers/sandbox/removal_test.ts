import { assert, assertEquals } from "@std/assert";
import { Trash } from "../../../../workers/sandbox/folders/removal.ts";
import { makeDeepFolder } from "../../../app/deep_folder.ts";

/** A folder with a trash beside it, and a file that nothing may touch. */
async function place() {
  // In memory where that is possible: a disk that others use takes milliseconds for each level.
  const root = await Deno.makeTempDir({ dir: "/dev/shm" }).catch(() => Deno.makeTempDir());
  const [folder, bin, kept] = [`${root}/folder`, `${root}/trash`, `${root}/kept`];
  for (const path of [folder, bin, kept]) await Deno.mkdir(path);
  await Deno.writeTextFile(`${kept}/file`, "kept");
  const trash = new Trash(bin);
  return {
    folder,
    kept,
    bin,
    trash,
    discard: async () => await trash.remove(await trash.take(folder)),
    async [Symbol.asyncDispose]() {
      assertEquals(await Deno.readTextFile(`${kept}/file`), "kept");
      await new Deno.Command("rm", { args: ["-rf", root] }).output();
    },
  };
}

const names = (path: string) => Array.from(Deno.readDirSync(path), ({ name }) => name);

Deno.test("remove() removes 12,000 levels of folders", async () => {
  await using fixture = await place();
  makeDeepFolder(fixture.folder, 12_000);
  await fixture.discard();
  assertEquals([names(fixture.bin), await missing(fixture.folder)], [[], true]);
});

Deno.test("remove() removes links with any name, not their targets", async () => {
  await using fixture = await place();
  const { folder, kept } = fixture;
  await Deno.symlink(kept, `${folder}/folder link`);
  await Deno.symlink(`${kept}/file`, `${folder}/file\nlink`);
  await Deno.symlink(folder, `${folder}/circle`);
  await Deno.symlink("/nowhere", `${folder}/-rf`);
  await Deno.link(`${kept}/file`, `${folder}/hard link`);
  await Deno.mkdir(`${folder}/ ${"x".repeat(254)}/*/..${"y".repeat(250)}`, { recursive: true });
  const mkfifo = await new Deno.Command("mkfifo", { args: [`${folder}/fifo`] }).output();
  assert(mkfifo.success);
  // A name that is no UTF-8, in a folder of such a name: nothing lists them.
  const script = `mkdir "$(printf '\\377')" && touch "$(printf '\\377')/$(printf '\\376')"`;
  const touch = await new Deno.Command("sh", { args: ["-c", script], cwd: folder }).output();
  assert(touch.success);
  using sparse = await Deno.create(`${folder}/sparse`);
  await sparse.truncate(2 ** 40);
  await fixture.discard();
  assertEquals([names(fixture.bin), await missing(folder)], [[], true]);
});

Deno.test("remove() removes a link that has replaced a folder", async () => {
  await using fixture = await place();
  await Deno.remove(fixture.folder);
  await Deno.symlink(fixture.kept, fixture.folder);
  await fixture.discard();
  assertEquals([names(fixture.bin), await missing(fixture.folder)], [[], true]);
});

Deno.test("remove() removes folders without rights for their owner", async () => {
  await using fixture = await place();
  await Deno.mkdir(`${fixture.folder}/a/b/c`, { recursive: true });
  await Deno.writeTextFile(`${fixture.folder}/a/b/c/file`, "");
  for (const path of ["a/b/c", "a/b", "a"]) await Deno.chmod(`${fixture.folder}/${path}`, 0);
  // The rights do not hold for root: another user owns all this, and removes it.
  const root = fixture.folder.slice(0, -"/folder".length);
  const user = Deno.uid() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  if (user.uid) await new Deno.Command("chown", { args: ["-R", `${user.uid}`, root] }).output();
  const source = await Deno.readTextFile(
    new URL("../../../../workers/sandbox/folders/removal.ts", import.meta.url),
  );
  const script = `${source}
const trash = new Trash(${JSON.stringify(fixture.bin)});
await trash.remove(await trash.take(${JSON.stringify(fixture.folder)}));`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", "--ext=ts", "-"],
    cwd: root,
    env: { DENO_DIR: `${root}/deno`, HOME: root, NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    ...user,
  });
  const child = command.spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(script));
  await writer.close();
  const { success, stderr } = await child.output();
  assert(success, new TextDecoder().decode(stderr));
  assertEquals([names(fixture.bin), await missing(fixture.folder)], [[], true]);
});

async function missing(path: string): Promise<boolean> {
  return await Deno.lstat(path).then(() => false, () => true);
}
