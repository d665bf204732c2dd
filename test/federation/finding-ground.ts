/** A name server that answers over UDP and TCP whatever a test makes it answer, listeners on addresses of this machine, and a finder. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import {
  type Answer,
  AUTHORITATIVE_ANSWER,
  type DecodedPacket,
  decode,
  encode,
  type Packet,
  TRUNCATED_RESPONSE,
} from 'dns-packet';
import pino from 'pino';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Clock } from '../../lib/ports/clock.ts';
import { Finder, type FinderOptions } from '../../services/federation/finding/finder.ts';
import { Resolver } from '../../services/federation/finding/resolver.ts';

const log = pino({ level: 'silent' });

/** Timers of a quarter of their time, so that waiting for what does not come is short. */
export const hurried: Clock = { ...systemClock, after: (delayMs, run) => systemClock.after(delayMs / 4, run) };

const nameErrorCode = 3;
const serverFailureCode = 2;

/** What is sent for a query: packets or bytes, none for silence. */
export type Respond = (query: DecodedPacket, transport: 'udp' | 'tcp') => readonly (Packet | Buffer)[];

export class NameServer implements AsyncDisposable {
  records: Answer[];
  /** `SRV _xmpp-server._tcp.a.example`, each time that it is asked; with ` over TCP` where it is. */
  readonly asked: string[] = [];
  respond: Respond = (query, transport) => [this.honest(query, transport)];
  readonly #udp = createSocket('udp4');
  readonly #tcp: Server;

  private constructor(records: readonly Answer[]) {
    this.records = [...records];
    this.#tcp = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        for (const message of this.#answer(bytes.subarray(2), 'tcp')) {
          const length = Buffer.alloc(2);
          length.writeUInt16BE(message.length);
          socket.write(Buffer.concat([length, message]));
        }
      });
    });
    this.#udp.on('message', (message, from) => {
      for (const answer of this.#answer(message, 'udp')) this.#udp.send(answer, from.port, from.address);
    });
  }

  static async start(records: readonly Answer[] = []): Promise<NameServer> {
    const server = new NameServer(records);
    await once(server.#tcp.listen(0, '127.0.0.1'), 'listening');
    server.#udp.bind((server.#tcp.address() as { port: number }).port, '127.0.0.1');
    await once(server.#udp, 'listening');
    return server;
  }

  get address(): string {
    return `127.0.0.1:${this.#udp.address().port}`;
  }

  /** What stands in `records`, with SOA when there is nothing; over UDP cut off when it is too long. */
  honest(query: DecodedPacket, transport: 'udp' | 'tcp' = 'udp'): Packet {
    const { name, type } = query.questions![0]!;
    const ofName = this.records.filter((record) => record.name.toLowerCase() === name.toLowerCase());
    const answers = ofName.filter((record) => record.type === type || record.type === 'CNAME');
    const soa: Answer = { type: 'SOA', name: 'example', ttl: 60, data: { mname: 'ns.example', rname: 'x.example', minimum: 60 } };
    const reply: Packet = { ...replyWithout(query), answers, authorities: answers.length > 0 ? [] : [soa] };
    if (ofName.length === 0) return { ...reply, flags: AUTHORITATIVE_ANSWER | nameErrorCode };
    if (transport === 'tcp' || encode(reply).length <= 1_232) return reply;
    return { ...reply, flags: AUTHORITATIVE_ANSWER | TRUNCATED_RESPONSE, answers: [] };
  }

  #answer(message: Buffer, transport: 'udp' | 'tcp'): Buffer[] {
    const query = decode(message);
    const { name, type } = query.questions![0]!;
    this.asked.push(`${type} ${name}${transport === 'tcp' ? ' over TCP' : ''}`);
    return this.respond(query, transport).map((each) => (Buffer.isBuffer(each) ? each : encode(each)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#udp.close();
    await new Promise((resolve) => this.#tcp.close(resolve));
  }
}

function replyWithout(query: DecodedPacket): Packet {
  return { type: 'response', id: query.id!, flags: AUTHORITATIVE_ANSWER, questions: query.questions! };
}

/** An answer with these records to any question. */
export function replyTo(query: DecodedPacket, answers: readonly Answer[]): Packet {
  return { ...replyWithout(query), answers: [...answers] };
}

export function failureOf(query: DecodedPacket): Packet {
  return { ...replyWithout(query), flags: AUTHORITATIVE_ANSWER | serverFailureCode };
}

export function srv(service: string, target: string, port: number, { priority = 0, weight = 0, ttl = 60 } = {}): Answer {
  return { type: 'SRV', name: service, ttl, data: { target, port, priority, weight } };
}

export function address(name: string, data: string, ttl = 60): Answer {
  return { type: data.includes(':') ? 'AAAA' : 'A', name, ttl, data };
}

export function alias(name: string, data: string): Answer {
  return { type: 'CNAME', name, ttl: 60, data };
}

export interface Listener extends AsyncDisposable {
  readonly port: number;
  /** Connections that came. */
  readonly count: number;
}

/** Takes connections, and says nothing. */
export async function listenOn(host: string, port = 0): Promise<Listener> {
  let count = 0;
  const server = createServer((socket) => {
    count++;
    socket.on('error', () => {}).resume();
  });
  await once(server.listen(port, host), 'listening');
  return {
    port: (server.address() as { port: number }).port,
    get count() {
      return count;
    },
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export type Asked = Partial<FinderOptions> & { readonly server?: NameServer };

/** Loopback is let through unless said otherwise, and no file of hosts is read. */
export function finderWith({ server, clock = systemClock, networks = ['127.0.0.0/8', '::1'], ...rest }: Asked): Finder {
  const resolver = new Resolver({ clock, servers: server === undefined ? ['127.0.0.1:1'] : [server.address] });
  return new Finder({ resolver, clock, log, networks, hostsFile: '/nonexistent', ...rest });
}

/**
 * Takes every connection and gives it up at once. @returns where they went, as `127.0.0.2 5269` and with ` TLS` for direct TLS; and the error in
 * the end, as its name and message
 */
export async function allOf(finder: Finder, domain: string, signal = new AbortController().signal): Promise<[string[], string]> {
  const went: string[] = [];
  try {
    for await (const { address, target, giveUp } of finder.connections(domain, signal)) {
      went.push(`${address} ${target.port}${target.isDirectTls ? ' TLS' : ''}`);
      giveUp('spoke no TLS');
    }
  } catch (error) {
    return [went, `${(error as Error).name}: ${(error as Error).message}`];
  }
  return [went, 'no error'];
}
