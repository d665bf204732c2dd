/**
 * What a client says to a SOCKS5 server (RFC 1928) before bytes may pass, as XEP-0065 §5.3.2 uses it: no authentication, CONNECT, a domain
 * name that is the hash of the bytestream, port 0.
 */

/** §5.3.2: SHA-1 in hexadecimal. */
const hash = /^[0-9a-f]{40}$/;
const version = 5;
const noAuthentication = 0;
const connect = 1;
const domainName = 3;
const hashSize = 40;
/** Version, command, reserved byte, type of address, length, name, port. */
const requestSize = 5 + hashSize + 2;

export interface Step {
  /** What is answered. */
  readonly answer: Buffer;
  /** Bytes of the input that it takes. */
  readonly taken: number;
  /** The bytestream, when the client has named it. */
  readonly hash?: string;
}

/** The client does not speak as it must: it is answered, and the connection ends. */
export class BadGreeting extends Error {
  override name = 'BadGreeting';
  readonly answer: Buffer;

  constructor(...answer: number[]) {
    super('not a request for a bytestream');
    this.answer = Buffer.from(answer);
  }
}

/** RFC 1928 §3. @returns undefined while it has not all come. @throws {BadGreeting} */
export function readMethods(bytes: Buffer): Step | undefined {
  if (bytes.length > 0 && bytes[0] !== version) throw new BadGreeting();
  if (bytes.length < 2 || bytes.length < 2 + bytes[1]!) return undefined;
  const taken = 2 + bytes[1]!;
  if (!bytes.subarray(2, taken).includes(noAuthentication)) throw new BadGreeting(version, 0xff);
  return { answer: Buffer.from([version, noAuthentication]), taken };
}

/** RFC 1928 §4. @returns undefined while it has not all come. @throws {BadGreeting} with the reply of §6 */
export function readRequest(bytes: Buffer): Step | undefined {
  const fault = (code: number) => new BadGreeting(version, code, 0, 1, 0, 0, 0, 0, 0, 0);
  if (bytes.length > 0 && bytes[0] !== version) throw new BadGreeting();
  if (bytes.length > 1 && bytes[1] !== connect) throw fault(7);
  if (bytes.length > 3 && bytes[3] !== domainName) throw fault(8);
  if (bytes.length > 4 && bytes[4] !== hashSize) throw fault(4);
  if (bytes.length < requestSize) return undefined;
  const name = bytes.toString('latin1', 5, 5 + hashSize).toLowerCase();
  if (!hash.test(name) || bytes.readUInt16BE(5 + hashSize) !== 0) throw fault(4);
  // §5.3.2: the address in the answer is the one that was asked for.
  const answer = Buffer.concat([Buffer.from([version, 0, 0]), bytes.subarray(3, requestSize)]);
  return { answer, taken: requestSize, hash: name };
}
