import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import { freePorts } from "../../support/ports.ts";
import { run } from "../../support/process.ts";

const url = import.meta.resolve("../../support/ports.ts");
const script = `import { freePorts } from ${JSON.stringify(url)};
console.log(JSON.stringify(freePorts(200)));`;

Deno.test("freePorts() gives two processes at a time different ports", async () => {
  const other = () => run(Deno.execPath(), ["eval", "--no-check", script]);
  const [one, two] = await Promise.all([other(), other()]);
  const ports = [freePorts(200), JSON.parse(one), JSON.parse(two)].flat();
  assertEquals(new Set(ports).size, 600);
});

Deno.test("freePorts() skips a port in use", () => {
  const servers: Deno.Listener[] = [];
  try {
    const [port = 0] = freePorts(1);
    for (const near of [port + 1, port + 2]) {
      try {
        servers.push(Deno.listen({ hostname: "127.0.0.1", port: near }));
      } catch (error) {
        assertInstanceOf(error, Deno.errors.AddrInUse); // by another process: as good
      }
    }
    const [next = 0] = freePorts(1);
    assert(next !== port + 1 && next !== port + 2, `${port}, ${next}`);
  } finally {
    for (const server of servers) server.close();
  }
});

Deno.test("freePorts() gives no port of the program that starts other releases of RabbitMQ", () => {
  assert(freePorts(1_000).every((port) => port >= 16_000 && port < 24_000));
});
