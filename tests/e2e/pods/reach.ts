/** Runs in a pod: prints as JSON which addresses (`HOST:PORT`) accept a connection.
 * @module
 */

const PATIENCE_MS = 3000;

async function open(address: string): Promise<boolean> {
  const [hostname = "", port] = address.split(":");
  const late = AbortSignal.timeout(PATIENCE_MS);
  const given = new Promise<false>((resolve) =>
    late.addEventListener("abort", () => resolve(false))
  );
  const connected = Deno.connect({ hostname, port: Number(port) }).then(
    (connection) => {
      connection.close();
      return true;
    },
    () => false,
  );
  return await Promise.race([connected, given]);
}

const answers = await Promise.all(Deno.args.map(async (address) => [address, await open(address)]));
console.log(JSON.stringify(Object.fromEntries(answers)));
Deno.exit();
