/** Shows readings until the user quits. */
import { pause } from "../../shared/runtime/waits.ts";
import { render } from "./render.ts";
import type { Screen } from "./screen.ts";
import type { TopReader } from "./reader.ts";

/** Milliseconds between two frames. */
const FRAME_MS = 1000;

/** Milliseconds between the reads of each part. Each read of workers asks all of them; rates change every ten seconds. */
const PAUSES = { queues: 1000, workers: 2000, rates: 5000 } as const;

/** Reads and draws until the screen ends.
 *
 * @param stop ends the reads
 * @throws errors that are not the API's */
export async function showLive(
  reader: Pick<TopReader, "snapshot" | "readQueues" | "readWorkers" | "readRates">,
  screen: Pick<Screen, "ended" | "size" | "draw" | "onChange">,
  stop: AbortController,
): Promise<void> {
  const { signal } = stop;
  const draw = () => {
    const options = { ...screen.size, now: new Date(), color: !Deno.noColor, keys: true };
    screen.draw(render(reader.snapshot, options));
  };
  const repeat = async (ms: number, act: () => void | Promise<void>) => {
    while (!signal.aborted) {
      await act();
      await pause(ms, signal);
    }
  };
  screen.onChange = draw;
  try {
    await Promise.race([
      screen.ended,
      repeat(FRAME_MS, draw),
      repeat(PAUSES.queues, () => reader.readQueues()),
      repeat(PAUSES.workers, () => reader.readWorkers()),
      repeat(PAUSES.rates, () => reader.readRates()),
    ]);
  } finally {
    screen.onChange = () => {};
    stop.abort();
  }
}
