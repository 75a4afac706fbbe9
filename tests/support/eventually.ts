/** Polls for a condition instead of sleeping. */

/** Resolves with the first value that is neither `undefined`, `null` nor `false`.
 *
 * @param options.within timeout in seconds. Default 60
 * @throws on timeout; the message names the condition */
export async function eventually<Value>(
  what: string,
  look: () => Value | Promise<Value>,
  { within = 60 }: { within?: number } = {},
): Promise<NonNullable<Exclude<Value, false>>> {
  const end = Date.now() + within * 1000;
  while (true) {
    const value = await look();
    if (value !== undefined && value !== null && value !== false) {
      return value as NonNullable<Exclude<Value, false>>;
    }
    if (Date.now() > end) throw new Error(`${what} did not happen within ${within} s`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
