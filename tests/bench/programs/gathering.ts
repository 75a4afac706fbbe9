/** The batches of the bare loop.
 * @module
 */

/** Returns a function that adds an item. The items that arrive during a flush are flushed together.
 *
 * @param delayMs milliseconds from the first item to its flush; default: the end of this turn */
export function gathering<Item>(
  flush: (items: Item[]) => Promise<void>,
  { delayMs = 0 }: { readonly delayMs?: number } = {},
): (item: Item) => void {
  let items: Item[] = [];
  let flushing = false;
  const run = async () => {
    while (items.length > 0) {
      const batch = items;
      items = [];
      await flush(batch);
    }
    flushing = false;
  };
  return (item) => {
    items.push(item);
    if (flushing) return;
    flushing = true;
    if (delayMs > 0) setTimeout(run, delayMs);
    else queueMicrotask(run);
  };
}
