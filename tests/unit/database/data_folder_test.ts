import { assertEquals, assertRejects } from "@std/assert";
import { join } from "node:path";
import { DataFolder } from "../../../shared/database/data_folder.ts";
import { ConfigurationError } from "../../../shared/errors.ts";

interface Place extends AsyncDisposable {
  readonly path: string;
}

async function place(): Promise<Place> {
  const root = await Deno.makeTempDir();
  return {
    path: join(root, "data"),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

function entries(path: string): Promise<string[]> {
  return Array.fromAsync(Deno.readDir(path), ({ name }) => name).then((names) => names.sort());
}

async function mode(path: string): Promise<number> {
  return (await Deno.stat(path)).mode! & 0o777;
}

async function initialise(folder: DataFolder): Promise<void> {
  await Deno.writeTextFile(join(folder.database, "PG_VERSION"), "18", { mode: 0o666 });
}

Deno.test("DataFolder.claim() names the process that uses the folder, until it is released", async () => {
  await using fixture = await place();
  const first = await DataFolder.claim(fixture.path);
  const claim = () => DataFolder.claim(fixture.path);
  await assertRejects(claim, ConfigurationError, `process ${Deno.pid} has used it since 20`);
  await first.announce("http://127.0.0.1:8000");
  await assertRejects(claim, ConfigurationError, "at http://127.0.0.1:8000");
  await Deno.writeTextFile(join(fixture.path, "lock"), '{"pid":');
  await assertRejects(claim, ConfigurationError, "another process uses it");
  await first[Symbol.asyncDispose]();
  await using _second = await claim();
});

Deno.test("DataFolder.prepare() keeps a complete database and replaces an incomplete or reset one", async () => {
  await using fixture = await place();
  await using folder = await DataFolder.claim(fixture.path);
  assertEquals(await folder.prepare(), true);
  await initialise(folder);
  assertEquals(await folder.prepare(), true);
  assertEquals(await entries(folder.database), []);
  await initialise(folder);
  await folder.opened();
  assertEquals(await folder.prepare(), false);
  assertEquals(await entries(folder.database), ["PG_VERSION"]);
  assertEquals(await folder.prepare({ reset: true }), true);
  assertEquals(await entries(folder.database), []);
});

Deno.test("DataFolder.prepare() rejects a folder with other files", async () => {
  await using fixture = await place();
  await using folder = await DataFolder.claim(fixture.path);
  await Deno.mkdir(folder.database);
  await Deno.writeTextFile(join(folder.database, "Dockerfile"), "FROM postgres");
  for (const reset of [false, true]) {
    await assertRejects(
      () => folder.prepare({ reset }),
      ConfigurationError,
      "contains other files",
    );
  }
  assertEquals(await entries(folder.database), ["Dockerfile"]);
});

Deno.test("DataFolder restricts its folders and files to the user, but not a folder with other files", async () => {
  await using fixture = await place();
  await Deno.mkdir(fixture.path, { mode: 0o755 });
  {
    await using folder = await DataFolder.claim(fixture.path);
    await folder.prepare();
    await initialise(folder);
    await folder.opened();
    assertEquals(await mode(fixture.path), 0o700);
    assertEquals(await mode(folder.database), 0o700);
    assertEquals(await mode(join(folder.database, "PG_VERSION")), 0o600);
    assertEquals(await mode(join(fixture.path, "lock")), 0o600);
  }
  await Deno.writeTextFile(join(fixture.path, "deno.json"), "{}");
  await Deno.chmod(fixture.path, 0o755);
  await using _folder = await DataFolder.claim(fixture.path);
  assertEquals(await mode(fixture.path), 0o755);
});

Deno.test("DataFolder.claim() reports a remedy when it cannot create the folder", async () => {
  const file = await Deno.makeTempFile();
  const claim = () => DataFolder.claim(join(file, "data"));
  await assertRejects(claim, ConfigurationError, "choose another with --data=FOLDER");
  await Deno.remove(file);
});
