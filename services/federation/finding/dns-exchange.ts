/**
 * One question to one name server: over UDP from a port of its own with an id by chance, then over TCP when the answer was cut short (RFC
 * 1035 §4.2, RFC 7766), with EDNS (RFC 6891). What does not come from the server's address and port, with the id and the question, is not
 * an answer (RFC 5452 §9).
 */
import { createSocket } from 'node:dgram';
import { connect, isIPv6 } from 'node:net';
import { type Answer, type DecodedPacket, decode, encode, RECURSION_DESIRED } from 'dns-packet';
import type { Clock } from '../../../lib/ports/clock.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { NoSuchDomain } from './errors.ts';
import { findingLimits } from './limits.ts';

export interface DnsQuestion {
  /** A-labels, lower case, no dot at the end. */
  readonly name: string;
  readonly type: 'A' | 'AAAA' | 'SRV';
}

export interface NameServer {
  readonly address: string;
  readonly port: number;
}

const headerBytes = 12;

export const responseCodes = { noError: 0, formatError: 1, nameError: 3 } as const;

export function responseCode(packet: DecodedPacket): number {
  return (packet.flags ?? 0) & 0xf;
}

/** @throws {Unavailable} when no answer came in time, or one that cannot be read. @throws {NoSuchDomain} when it is larger than we take */
export async function exchange(clock: Clock, server: NameServer, question: DnsQuestion): Promise<DecodedPacket> {
  const first = await ask(clock, server, question, overUdp, true);
  const isOld = responseCode(first) === responseCodes.formatError; // RFC 6891 §7: it does not know EDNS
  const answer = isOld ? await ask(clock, server, question, overUdp, false) : first;
  return answer.flag_tc ? ask(clock, server, question, overTcp, !isOld) : answer;
}

interface Try {
  readonly server: NameServer;
  readonly query: Buffer;
  /** @returns whether it was the answer */
  readonly take: (message: Buffer) => boolean;
  readonly fail: (why: string) => void;
  /** The answer is useless, and further tries would be, too. */
  readonly refuse: (error: Error) => void;
}

/** Sends the query, and hands over what comes. @returns a function that closes its socket */
type Transport = (attempt: Try) => () => void;

function ask(clock: Clock, server: NameServer, { name, type }: DnsQuestion, transport: Transport, edns: boolean) {
  const id = clock.randomBytes(2).readUInt16BE(0);
  const options = { type: 'OPT', name: '.', udpPayloadSize: findingLimits.dnsUdpBytes, flags: 0 } as Answer;
  const questions = [{ name, type, class: 'IN' as const }];
  const query = encode({ type: 'query', id, flags: RECURSION_DESIRED, questions, additionals: edns ? [options] : [] });
  return new Promise<DecodedPacket>((resolve, reject) => {
    const end = () => {
      timer.cancel();
      close();
    };
    const refuse = (error: Error) => {
      end();
      reject(error);
    };
    const fail = (why: string) => refuse(new Unavailable(`the name server ${server.address} ${why}`));
    const take = (message: Buffer) => {
      const packet = read(message);
      if (packet === undefined || !isAnswer(packet, id, name, type)) return false;
      end();
      resolve(packet);
      return true;
    };
    const timer = clock.after(findingLimits.dnsTryMs, () => fail('did not answer'));
    const close = transport({ server, query, take, fail, refuse });
  });
}

function overUdp({ server, query, take, fail }: Try): () => void {
  const socket = createSocket(isIPv6(server.address) ? 'udp6' : 'udp4');
  let strays = 0;
  socket.on('error', (error: NodeJS.ErrnoException) => fail(`cannot be asked (${error.code})`));
  socket.on('message', (message) => {
    if (!take(message) && ++strays > findingLimits.dnsStrayAnswersMax) fail('sent answers to other questions');
  });
  // A connected socket takes datagrams from this address and port alone.
  socket.connect(server.port, server.address, () => socket.send(query));
  let isClosed = false;
  return () => {
    if (!isClosed) socket.close();
    isClosed = true;
  };
}

function overTcp({ server, query, take, fail, refuse }: Try): () => void {
  const socket = connect({ host: server.address, port: server.port });
  let received = Buffer.alloc(0);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(query.length);
  socket.write(Buffer.concat([length, query]));
  socket.on('error', (error: NodeJS.ErrnoException) => fail(`cannot be asked over TCP (${error.code})`));
  socket.on('close', () => fail('closed the connection'));
  socket.on('data', (chunk) => {
    received = Buffer.concat([received, chunk]);
    const size = received.length < length.length ? 0 : received.readUInt16BE(0);
    if (size > findingLimits.dnsAnswerBytesMax || recordsIn(received.subarray(length.length)) > findingLimits.dnsAnswerRecordsMax)
      refuse(new NoSuchDomain('DNS has more to say than is taken here'));
    else if (received.length >= length.length + size && size > 0 && !take(received.subarray(length.length, length.length + size)))
      fail('sent an answer to another question');
  });
  return () =>
    socket
      .removeAllListeners('close')
      .on('error', () => {})
      .destroy();
}

/** As the header says. */
function recordsIn(message: Buffer): number {
  return message.length < headerBytes ? 0 : message.readUInt16BE(6) + message.readUInt16BE(8) + message.readUInt16BE(10);
}

/** @returns undefined for what is not a message, or holds more than is taken */
function read(message: Buffer): DecodedPacket | undefined {
  if (message.length < headerBytes || message.length > findingLimits.dnsAnswerBytesMax) return undefined;
  if (message.readUInt16BE(4) > 1 || recordsIn(message) > findingLimits.dnsAnswerRecordsMax) return undefined;
  try {
    return decode(message);
  } catch {
    return undefined;
  }
}

function isAnswer(packet: DecodedPacket, id: number, name: string, type: string): boolean {
  const question = packet.questions?.[0];
  const isSame =
    question === undefined
      ? responseCode(packet) === responseCodes.formatError // it could not read the question
      : question.name.toLowerCase() === name && question.type === type && question.class === 'IN';
  return packet.id === id && packet.type === 'response' && isSame;
}
