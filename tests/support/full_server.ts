/** A process that serves HTTP with {@linkcode listen}; prints its port. */
import { listen } from "../../shared/runtime/listen.ts";

const server = listen(
  { hostname: "127.0.0.1", port: 0, flag: "--port" },
  () => new Response("here"),
);
console.log(server.addr.port);
