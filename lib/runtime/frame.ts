/**
 * A payload on the bus: a short JSON header and raw XML bodies.
 *
 *     u32 big-endian: bytes of the header | header, JSON in UTF-8 | body 0 | body 1 | …
 *
 * The header's `len` lists the bytes of each body, so that nobody parses XML to find where a stanza ends.
 */

export interface Frame<Header> {
  readonly header: Header;
  readonly bodies: readonly Buffer[];
}

const none: readonly never[] = [];

interface Lengths {
  readonly len?: readonly number[];
}

export function encodeFrame(header: object, bodies: readonly Uint8Array[] = []): Buffer {
  const head = JSON.stringify(header);
  const lengths = bodies.length === 0 ? '' : lengthsOf(bodies, head === '{}');
  // The lengths are written over the last brace of the head. Texts that are joined are copied once more before they are written.
  const lengthsAt = 4 + Buffer.byteLength(head) - (lengths === '' ? 0 : 1);
  const headEnd = lengthsAt + lengths.length;
  const payload = Buffer.allocUnsafe(headEnd + bytesOf(bodies));
  payload.writeUInt32BE(headEnd - 4);
  payload.write(head, 4);
  if (lengths !== '') payload.write(lengths, lengthsAt, 'latin1');
  let at = headEnd;
  for (const body of bodies) {
    payload.set(body, at);
    at += body.length;
  }
  return payload;
}

/** The last field of the header, and its closing brace. A copy of the header with one more field would cost more. */
function lengthsOf(bodies: readonly Uint8Array[], isOnly: boolean): string {
  let text = isOnly ? '"len":[' : ',"len":[';
  for (let index = 0; index < bodies.length; index++) text += index === 0 ? bodies[0]!.length : `,${bodies[index]!.length}`;
  return `${text}]}`;
}

function bytesOf(bodies: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const { length } of bodies) bytes += length;
  return bytes;
}

/** The bodies share memory with `payload`. @throws {RangeError} on a payload that no `encodeFrame` made */
export function decodeFrame<Header>(payload: Uint8Array): Frame<Header> {
  const bytes = payload instanceof Buffer ? payload : Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  if (bytes.length < 4) throw new RangeError(`frame of ${bytes.length} bytes has no header length`);
  const headEnd = 4 + bytes.readUInt32BE(0);
  if (headEnd > bytes.length) throw new RangeError(`frame header ends at ${headEnd} of ${bytes.length} bytes`);
  const header = JSON.parse(bytes.toString('utf8', 4, headEnd)) as Header & Lengths;
  const lengths = header.len ?? none;
  const bodies = new Array<Buffer>(lengths.length);
  let at = headEnd;
  for (let index = 0; index < lengths.length; index++) {
    const end = at + lengths[index]!;
    bodies[index] = bytes.subarray(at, end);
    at = end;
  }
  if (at !== bytes.length) throw new RangeError(`frame bodies end at ${at} of ${bytes.length} bytes`);
  return { header, bodies };
}
