/** Real input for the sample tasks, and what a handler run by itself needs.
 * @module
 */
import { completion } from "../../../workers/running/completion.ts";
import { createContext } from "../../../workers/running/context.ts";
import { replacement } from "../../../workers/running/replacement.ts";
import { wholeRequest } from "../../../workers/running/request.ts";

const FIXTURES = new URL("../../fixtures/", import.meta.url);

/** Reads a fixture as bytes. */
export function readBytes(path: string): Promise<Uint8Array<ArrayBuffer>> {
  return Deno.readFile(new URL(path, FIXTURES));
}

/** Reads a fixture as text; a byte order mark stays. */
export async function readText(path: string): Promise<string> {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(await readBytes(path));
}

/** A context of a first attempt; its log and progress go nowhere. */
export function context(signal: AbortSignal = new AbortController().signal) {
  const skip = () => {};
  const log = { debug: skip, info: skip, warn: skip, error: skip };
  return createContext({
    signal,
    ...wholeRequest({ id: "1" }),
    deliveries: 1,
    log,
    progress: skip,
    complete: completion,
    submit: () => Promise.reject(new Error("nothing is sent here")),
    emit: () => {},
    replace: replacement,
  });
}
