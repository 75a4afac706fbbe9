/** The folder of an app's migrations: numbered SQL files. */
import { join } from "node:path";
import { ConfigurationError } from "../errors.ts";
import { splitStatements, type SqlStatement } from "./sql_statements.ts";

/** A migration file. Files are numbered from 1 without gaps. */
export interface MigrationFile {
  readonly version: number;
  /** File name, such as `0001_orders.sql`. */
  readonly name: string;
  readonly path: string;
  readonly text: string;
  readonly statements: readonly SqlStatement[];
  /** Whether the file is applied in one transaction. */
  readonly transaction: boolean;
}

const SQL = /\.sql$/i;
const NUMBERED = /^(\d+)[_-].*\.sql$/i;

/** First line of a file that opts out of the transaction. */
const OUTSIDE = /^--\s*celeriac:\s*no transaction\s*$/m;

/** Statements that would end the file's transaction or begin another. */
const CONTROL =
  /^(begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback)\b(?!\s+(work\s+|transaction\s+)?to\b)/i;

/** Reads the `.sql` files of a folder in the order of their numbers.
 *
 * @throws {ConfigurationError} when the folder does not exist, when a name has no number, when a number is missing or duplicate, when
 * a file is not UTF-8, or when it contains transaction control */
export async function readMigrations(folder: string): Promise<MigrationFile[]> {
  const numbered = (await namesIn(folder)).map((name) => ({
    name,
    version: numberOf(folder, name),
  }))
    .sort((one, other) => one.version - other.version || (one.name < other.name ? -1 : 1));
  for (const [index, { name, version }] of numbered.entries()) {
    checkOrder(folder, numbered, index, name, version);
  }
  return await Promise.all(numbered.map(({ name, version }) => read(folder, name, version)));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    return names.filter((name) => SQL.test(name) && !name.startsWith("."));
  } catch (cause) {
    if (cause instanceof Deno.errors.NotCapable) throw cause;
    throw new ConfigurationError(
      `Cannot read migrations in '${folder}' because of ${
        String(cause)
      }: correct CELERIAC_MIGRATIONS or --migrations`,
      { cause },
    );
  }
}

function numberOf(folder: string, name: string): number {
  const [, digits] = NUMBERED.exec(name) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new ConfigurationError(
    `Cannot use '${
      join(folder, name)
    }' because its name has no number: use a name like 0001_orders.sql`,
  );
}

function checkOrder(
  folder: string,
  files: readonly { name: string; version: number }[],
  index: number,
  name: string,
  version: number,
): void {
  const expected = index + 1;
  if (version === expected) return;
  const before = files[index - 1];
  if (version === before?.version) {
    throw new ConfigurationError(
      `Cannot use the migrations in '${folder}' because ${before.name} and ${name} have the same number: give one of them the next free number`,
    );
  }
  throw new ConfigurationError(
    `Cannot use the migrations in '${folder}' because number ${expected} is missing before ${name}: number them from 1, without gaps`,
  );
}

async function read(folder: string, name: string, version: number): Promise<MigrationFile> {
  const path = join(folder, name);
  const text = decode(path, await Deno.readFile(path));
  const statements = splitStatements(text);
  const transaction = !OUTSIDE.test(text.slice(0, text.search(/\n|$/)));
  const control = statements.find((statement) => CONTROL.test(statement.text));
  if (control) {
    const word = CONTROL.exec(control.text)?.[1];
    throw new ConfigurationError(
      `Cannot use '${path}:${control.line}' because a file must not control transactions: remove '${word}'; each file runs in one transaction`,
    );
  }
  return { version, name, path, text, statements, transaction };
}

function decode(path: string, bytes: Uint8Array<ArrayBuffer>): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new ConfigurationError(
      `Cannot use '${path}' because it is not UTF-8: save it as UTF-8`,
      { cause },
    );
  }
}
