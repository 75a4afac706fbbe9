import { assertEquals, assertStringIncludes } from "@std/assert";

const AMQP = import.meta.resolve("../../../shared/broker/amqp/broker.ts");
const CODEC = import.meta.resolve("../../../shared/broker/amqp/codec.ts");
const CONFIG = new URL(import.meta.resolve("../../../deno.json")).pathname;

Deno.test("amqplib decodes fields with our reader once codec.ts is imported", async () => {
  const { code, stdout } = await run(`
    import "${AMQP}";
    import { createRequire } from "node:module";
    const { decode, info, BasicProperties } = createRequire(import.meta.resolve("amqplib"))("./lib/defs.js");
    const table = [1, 0x78, 0x4c, 0, 0, 1, 0, 0, 0, 0, 0];
    console.log(JSON.stringify(decode(BasicProperties, Buffer.from([0x20, 0, 0, 0, 0, table.length, ...table])).headers));
  `);
  assertEquals([code, stdout.trim()], [0, '{"x":1099511627776}']);
});

Deno.test("codec.ts fails if amqplib was loaded before", async () => {
  const { code, stderr } = await run(`import "amqplib"; await import("${CODEC}");`);
  assertEquals(code, 1);
  assertStringIncludes(stderr, "import shared/broker/amqp/broker.ts first");
});

async function run(program: string): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["eval", "--config", CONFIG, `import { Buffer } from "node:buffer"; ${program}`],
    env: { NO_COLOR: "1" },
  });
  const { code, stdout, stderr } = await command.output();
  return {
    code,
    stdout: new TextDecoder().decode(stdout),
    stderr: new TextDecoder().decode(stderr),
  };
}
