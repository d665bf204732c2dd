/** Base64 (RFC 4648 §4) as SASL requires it: no white space, with padding, no stray bits (RFC 6120 §6.4.2, §13.9.2). */

/** @returns undefined if the text is not exactly the base64 encoding of some bytes */
export function decodeBase64(text: string): Buffer | undefined {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64');
  return bytes.toString('base64') === text ? bytes : undefined;
}
