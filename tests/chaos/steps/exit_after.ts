/** Ends this process after a call of a method, without any of its shutdown: its connections break, as after SIGKILL.
 * @module
 */

/** Exit code of a process that ended at its step. */
export const STEP_CODE = 70;

/** Replaces a method by one that ends the process when the call has succeeded.
 *
 * @param calls the number of the call; default 1
 * @param armed whether the call counts; default always */
export function exitAfter<Name extends string>(
  prototype: { [Key in Name]: (...args: never[]) => Promise<unknown> },
  name: Name,
  { calls = 1, armed = () => true }: { calls?: number; armed?: () => boolean } = {},
): void {
  const method = prototype[name] as (...args: unknown[]) => Promise<unknown>;
  let seen = 0;
  const replaced = async function (this: unknown, ...args: unknown[]) {
    const result = await method.apply(this, args);
    if (armed() && ++seen === calls) Deno.exit(STEP_CODE);
    return result;
  };
  Object.assign(prototype, { [name]: replaced });
}
