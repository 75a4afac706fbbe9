/** Default node names. */

/** `celeriac@HOST-RANDOM`: the first label of the host name, and 8 hexadecimal digits. */
export function nodeName(): string {
  const random = crypto.getRandomValues(new Uint8Array(4)).toHex();
  return `celeriac@${Deno.hostname().split(".")[0]}-${random}`;
}
