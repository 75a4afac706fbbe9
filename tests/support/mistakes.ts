/** Tables of common mistakes and their error messages. */
import { assert, assertEquals } from "@std/assert";

/** An error message and the mistake that causes it. */
export type Mistake = readonly [message: string, make: () => unknown];

/** Tests that each mistake produces its message: what is wrong, why, and the remedy. */
export function testMistakes(title: string, table: readonly Mistake[]): void {
  Deno.test(`mistakes in ${title} say what is wrong, why and what to do`, async () => {
    for (const [message, make] of table) {
      assertEquals(await messageOf(make), message);
      assert(/^Cannot .+ because .+: .+/s.test(message), message);
    }
  });
}

/** Returns the message of the error that is thrown or rejected. */
export async function messageOf(make: () => unknown): Promise<string> {
  try {
    await make();
  } catch (error) {
    return (error as Error).message;
  }
  return "no error";
}
