import { assertEquals } from "@std/assert";
import { createFixture } from "./fixture.ts";

Deno.test("the calls that the page shows run as they are pasted, and get the result", async () => {
  const token = "right-token-of-old";
  await using fixture = await createFixture({ apiToken: token });
  const form = await fetch(`${fixture.url}/try/add`, {
    headers: { accept: "text/html", authorization: `Bearer ${token}` },
  });
  const shown = [
    ...(await form.text()).matchAll(/<pre class="command"[^>]*><code>(.*?)<\/code>/gs),
  ].map(([, code]) =>
    code!.replaceAll("&#39;", "'").replaceAll("&quot;", '"').replaceAll("&gt;", ">")
      .replaceAll("&lt;", "<").replaceAll("&amp;", "&")
  );
  const [curl = "", typescript = "", python = ""] = shown;
  const programs: [command: string, args: string[]][] = [
    ["sh", ["-c", curl]],
    [Deno.execPath(), ["eval", "--ext=ts", `${typescript}\nconsole.log(task);`]],
    ["python3", ["-c", python]],
  ];
  for (const [command, args] of programs) {
    const running = new Deno.Command(command, {
      args,
      env: { CELERIAC_API_TOKEN: token, NO_COLOR: "1" },
      stderr: "inherit",
    }).output();
    const task = await fixture.take();
    assertEquals(task.kwargs, { x: 2, y: 3 });
    await fixture.settle(task, { result: "5" });
    await fixture.reply(task, "5");
    const { stdout, code } = await running;
    const printed = new TextDecoder().decode(stdout);
    assertEquals([code, /["']?state["']?: ?["'](\w+)/.exec(printed)?.[1]], [0, "SUCCESS"], printed);
  }
});
