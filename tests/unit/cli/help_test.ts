import { assertEquals, assertStringIncludes } from "@std/assert";
import { COMMANDS, SUMMARIES } from "../../../cli/commands.ts";
import { help, overview } from "../../../cli/help.ts";
import { flagOf, settingsOf } from "../../../shared/config/settings.ts";

Deno.test("overview() lists every command with its summary", async () => {
  assertEquals([...SUMMARIES.keys()], [...COMMANDS.keys()]);
  for (const [name, load] of COMMANDS) {
    assertEquals((await load()).summary, SUMMARIES.get(name));
    assertStringIncludes(overview(), name);
  }
});

Deno.test("help() lists every setting of the command's role", async () => {
  for (const [name, load] of COMMANDS) {
    const command = await load();
    const text = help(name, command);
    for (const [key, { env, variableOnly }] of command.role ? settingsOf(command.role) : []) {
      if (!variableOnly) assertStringIncludes(text, `--${flagOf(key)}`);
      assertStringIncludes(text, env);
    }
  }
});
