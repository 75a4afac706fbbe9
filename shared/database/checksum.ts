/** By what a migration that was applied is recognised. */

/** Hex of the SHA-256 of a migration, whatever its line ends. */
export async function checksum(statements: string): Promise<string> {
  const bytes = new TextEncoder().encode(statements.replaceAll("\r\n", "\n"));
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}
