/** A name server on the loopback that knows what a test tells it, and nothing else. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type Answer, AUTHORITATIVE_ANSWER, decode, encode } from 'dns-packet';

const nameErrorCode = 3;

export interface DnsServer {
  /** For `--dns`. */
  readonly address: string;
  /** What is asked for: `_xmpp-client._tcp.example.org SRV`, in any order of names. */
  readonly records: Answer[];
  readonly asked: string[];
  /** Says nothing any more. */
  isSilent: boolean;
  close(): void;
}

export async function startDnsServer(records: readonly Answer[] = []): Promise<DnsServer> {
  const socket = createSocket('udp4');
  const server: DnsServer = {
    address: '',
    records: [...records],
    asked: [],
    isSilent: false,
    close: () => socket.close(),
  };
  socket.on('message', (message, from) => {
    const { id, questions = [] } = decode(message);
    const question = questions[0]!;
    server.asked.push(`${question.name} ${question.type}`);
    if (server.isSilent) return;
    const ofName = server.records.filter(({ name }) => name.toLowerCase() === question.name.toLowerCase());
    const answers = ofName.filter(({ type }) => type === question.type);
    const flags = AUTHORITATIVE_ANSWER | (ofName.length === 0 ? nameErrorCode : 0);
    socket.send(encode({ type: 'response', id: id!, flags, questions, answers }), from.port, from.address);
  });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return Object.assign(server, { address: `127.0.0.1:${socket.address().port}` });
}

export function srvRecord(name: string, target: string, port: number, priority = 0): Answer {
  return { type: 'SRV', name, ttl: 60, data: { target, port, priority, weight: 5 } };
}

export function addressRecord(name: string, data = '127.0.0.1'): Answer {
  return { type: 'A', name, ttl: 60, data };
}

export function aliasRecord(name: string, data: string): Answer {
  return { type: 'CNAME', name, ttl: 60, data };
}
