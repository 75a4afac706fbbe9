/** Completions in a real zsh and a real fish. */
import { assert, assertEquals } from "@std/assert";
import { COMMANDS } from "../../../cli/commands.ts";
import { commandTable } from "../../../cli/completions/command_table.ts";
import { fishScript } from "../../../cli/completions/fish.ts";
import { zshScript } from "../../../cli/completions/zsh.ts";
import { FILE, fishOffers, needShell, zshOffers } from "../../support/shells.ts";

const table = await commandTable(COMMANDS);

/** A line, and what each shell offers at its end. */
const CASES: readonly (readonly [line: string, fish: string[], zsh: string[]])[] = [
  ["celeriac rev", ["revoke"], ["revoke"]],
  ["celeriac dead ", ["list", "purge", "redrive", "show"], ["list", "purge", "redrive", "show"]],
  ["celeriac dead pu", ["purge"], ["purge"]],
  ["celeriac dead purge ", [FILE], [FILE]],
  ["celeriac subscriptions add --mat", ["--match"], ["--match"]],
  ["celeriac subscriptions add --match=a", ["--match=all", "--match=any"], ["all", "any"]],
  ["celeriac worker --log-level=de", ["--log-level=debug"], ["debug"]],
  ["celeriac definitions apply --delay-levels=", [
    "--delay-levels=classic",
    "--delay-levels=quorum",
  ], ["classic", "quorum"]],
  // `pause` is a command, too.
  ["celeriac schedules pause --rea", [], []],
  ["celeriac schedules pause ", [FILE], [FILE]],
  ["celeriac pause --rea", ["--reason"], ["--reason"]],
  ["celeriac top --o", ["--once"], ["--once"]],
  ["celeriac unknown --x", [], []],
];

Deno.test("fish completes commands, subcommands, flags and fixed values", async () => {
  await needShell("fish");
  const script = fishScript("celeriac", table);
  for (const [line, expected] of CASES) {
    assertEquals(await fishOffers(script, line), expected, line);
  }
  assertEquals(await fishOffers(script, "celeriac "), [...COMMANDS.keys()].sort());
});

Deno.test("zsh completes commands, subcommands, flags and fixed values", async () => {
  await needShell("zsh");
  const lines = [...CASES.map(([line]) => line), "celeriac "];
  const offers = await zshOffers(zshScript("celeriac", table), lines);
  for (const [place, [line, , expected]] of CASES.entries()) {
    assertEquals(offers[place], expected, line);
  }
  const commands = offers.at(-1)!;
  for (const name of COMMANDS.keys()) assert(commands.includes(name), name);
});

Deno.test("fish and zsh complete every subcommand and every flag of every command", async () => {
  await needShell("fish");
  await needShell("zsh");
  const asked = table.flatMap(({ name, words, flags }) => [
    { line: `celeriac ${name} --`, expected: flags.map((flag) => `--${flag.name}`).sort() },
    ...words.length > 0 ? [{ line: `celeriac ${name} `, expected: [...words].sort() }] : [],
  ]);
  const lines = asked.map(({ line }) => line);
  const zsh = await zshOffers(zshScript("celeriac", table), lines);
  const script = fishScript("celeriac", table);
  for (const [place, { line, expected }] of asked.entries()) {
    assertEquals(zsh[place], expected, `zsh: ${line}`);
    assertEquals(await fishOffers(script, line), expected, `fish: ${line}`);
  }
});
