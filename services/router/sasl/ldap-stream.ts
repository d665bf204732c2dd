/** A connection to an LDAP server before TLS: what it may send at most, and StartTLS (RFC 4511 §4.14), after which it is the same as with ldaps. */
import { Duplex, Transform } from 'node:stream';
import { outsideLimits } from './limits.ts';

/** Fails when more comes from the socket. */
export function bounded(socket: Duplex, bytesMax: number): Duplex {
  let bytes = 0;
  const count = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length;
      if (bytes > bytesMax) {
        socket.destroy();
        done(new Error(`it sent more than ${bytesMax} bytes`));
      } else done(null, chunk);
    },
  });
  count.on('error', () => {}); // whoever reads is told
  const stream = Duplex.from({ readable: socket.pipe(count), writable: socket });
  stream.on('error', () => {}); // so is TLS
  return stream;
}

const objectId = '1.3.6.1.4.1.1466.20037';

/** LDAPMessage { 1, ExtendedRequest { objectId } } in BER. */
const request = Buffer.concat([Buffer.from([0x30, 0x1d, 0x02, 0x01, 0x01, 0x77, 0x18, 0x80, 0x16]), Buffer.from(objectId)]);
/** The beginning of an answer to it after the length: { 1, ExtendedResponse. */
const answered = Buffer.from([0x02, 0x01, 0x01, 0x78]);
const success = Buffer.from([0x0a, 0x01, 0x00]);

/** @throws {Error} when the server does not begin TLS. What it says after its answer, and before TLS, is not believed. */
export async function requestStartTls(socket: Duplex): Promise<void> {
  socket.write(request);
  const answer = await wholeMessage(socket);
  const content = answer.subarray(headBytes(answer));
  if (!content.subarray(0, answered.length).equals(answered)) throw new Error('it did not answer StartTLS');
  const response = content.subarray(answered.length - 1);
  if (!response.subarray(headBytes(response)).subarray(0, success.length).equals(success)) throw new Error('it refused StartTLS');
}

/** One message of LDAP, and nothing behind it. */
function wholeMessage(socket: Duplex): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let bytes = Buffer.alloc(0);
    const end = (work: () => void) => {
      socket.off('data', take).off('close', closed).off('error', closed).pause();
      work();
    };
    const closed = () => end(() => reject(new Error('it closed the connection')));
    const take = (chunk: Buffer) => {
      bytes = Buffer.concat([bytes, chunk]);
      const length = lengthOf(bytes);
      if (length > outsideLimits.startTlsBytesMax || bytes.length > length)
        return end(() => reject(new Error('it said too much')));
      if (bytes.length === length) end(() => resolve(bytes));
    };
    socket.on('data', take).on('close', closed).on('error', closed);
  });
}

/** How many bytes the tag and the length of an element take. */
function headBytes(bytes: Buffer): number {
  const first = bytes[1] ?? 0;
  return first < 0x80 ? 2 : 2 + (first & 0x7f);
}

/** The length of the first element with its head; as long as that is not known, what is there is too short. */
function lengthOf(bytes: Buffer): number {
  const head = headBytes(bytes);
  if (bytes.length < Math.max(2, head)) return bytes.length + 1;
  if (head === 2) return head + bytes[1]!;
  return head - 2 > 4 ? Number.POSITIVE_INFINITY : head + bytes.readUIntBE(2, head - 2);
}
