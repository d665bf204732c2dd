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
  /** Every answer comes this much later, ms. */
  delayMs: number;
  /** The code of every answer, which then has no records: 2 is SERVFAIL. */
  failureCode: number | undefined;
  close(): void;
}

export async function startDnsServer(records: readonly Answer[] = [], host = '127.0.0.1'): Promise<DnsServer> {
  const socket = createSocket('udp4');
  let isClosed = false;
  const server: DnsServer = {
    address: '',
    records: [...records],
    asked: [],
    isSilent: false,
    delayMs: 0,
    failureCode: undefined,
    close() {
      isClosed = true;
      socket.close();
    },
  };
  socket.on('message', (message, from) => {
    const { id, questions = [] } = decode(message);
    const question = questions[0]!;
    server.asked.push(`${question.name} ${question.type}`);
    if (server.isSilent) return;
    const ofName = server.records.filter(({ name }) => name.toLowerCase() === question.name.toLowerCase());
    const answers = ofName.filter(({ type }) => type === question.type);
    const { failureCode, delayMs } = server;
    const code = failureCode ?? (ofName.length === 0 ? nameErrorCode : 0);
    const response = { type: 'response', id: id!, flags: AUTHORITATIVE_ANSWER | code, questions } as const;
    const bytes = encode(failureCode === undefined ? { ...response, answers } : response);
    const send = () => {
      if (!isClosed) socket.send(bytes, from.port, from.address);
    };
    if (delayMs > 0) setTimeout(send, delayMs);
    else send();
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  return Object.assign(server, { address: `${host}:${socket.address().port}` });
}

export function srvRecord(name: string, target: string, port: number, priority = 0, ttl = 60): Answer {
  return { type: 'SRV', name, ttl, data: { target, port, priority, weight: 5 } };
}

export function addressRecord(name: string, data = '127.0.0.1', ttl = 60): Answer {
  return { type: 'A', name, ttl, data };
}

export function aliasRecord(name: string, data: string): Answer {
  return { type: 'CNAME', name, ttl: 60, data };
}
