/**
 * `npm run bench:path -- [--sessions 500] [--under-way 1000] [--rate 100000] [--messages 20000] [--sm]`: what a message costs from one
 * stream's bytes to the next one's, without sockets and TLS: connection node, router and SQLite in this process, streams fed by hand. For
 * engineers who change the path; the servers are compared by `npm run bench`.
 */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { pino } from 'pino';
import type { WebSocket } from 'ws';
import { memoryBus } from '../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../lib/adapters/system-clock.ts';
import { keepSelfSigned } from '../services/cli/compose/certificate.ts';
import { composeRouter } from '../services/cli/compose/router-parts.ts';
import { watchTls } from '../services/cli/compose/tls-source.ts';
import { type ConnectionNode, startConnectionNode } from '../services/connection/node.ts';
import { createAccount } from '../services/router/core/accounts.ts';
import { deriveKeys } from '../services/router/sasl/passwords.ts';

const domain = 'localhost';
const tickMs = 5;
const warmUp = 20_000;
/** Clients that sign in together. */
const atOnce = 32;

interface PathOptions {
  readonly sessions: number;
  /** Messages per second, at most. */
  readonly rate: number;
  /** Messages that have not arrived yet, at most: a machine that is busy with other work gets fewer, and none is refused. */
  readonly underWay: number;
  readonly messages: number;
  /** XEP-0198. */
  readonly sm: boolean;
}

interface Costs {
  readonly total: number;
  readonly main: number;
}

/** A WebSocket of which both ends are here. */
class Client extends EventEmitter {
  readonly OPEN = 1;
  readonly readyState = 1;
  readonly bufferedAmount = 0;
  readonly jid: string;
  onStanza: (text: string) => void = () => {};
  #count = 0;

  constructor(local: string) {
    super();
    this.jid = `${local}@${domain}/bench`;
  }

  /** The server writes. */
  send(data: Buffer | string, _options: unknown, sent: () => void): void {
    const text = String(data);
    if (text.startsWith('<message') || text.startsWith('<iq') || text.startsWith('<presence')) this.#count++;
    if (text.startsWith('<r ')) this.write(`<a xmlns='urn:xmpp:sm:3' h='${this.#count}'/>`);
    else this.onStanza(text);
    process.nextTick(sent);
  }

  /** In a turn of its own, as from a socket. */
  write(text: string): void {
    setImmediate(() => void this.emit('message', Buffer.from(text), false));
  }

  async ask(text: string, answer: RegExp): Promise<void> {
    await new Promise<void>((resolve) => {
      this.onStanza = (got) => {
        if (answer.test(got)) resolve();
      };
      this.write(text);
    });
  }

  async signIn(local: string, sm: boolean): Promise<void> {
    const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`;
    await this.ask(open, /features/);
    const token = Buffer.from(`\0${local}\0bench`).toString('base64');
    await this.ask(`<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>${token}</auth>`, /<success/);
    await this.ask(open, /features/);
    const resource = '<resource>bench</resource>';
    await this.ask(
      `<iq xmlns='jabber:client' type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>${resource}</bind></iq>`,
      /result/,
    );
    if (sm) await this.ask("<enable xmlns='urn:xmpp:sm:3' resume='true'/>", /<enabled/);
    this.#count = 0;
    await this.ask("<presence xmlns='jabber:client'/>", /<presence/);
  }

  pause(): void {}
  resume(): void {}
  ping(): void {}
  close(): void {
    setImmediate(() => this.emit('close'));
  }
  terminate(): void {
    this.close();
  }
}

async function path(options: PathOptions): Promise<void> {
  const awake = setInterval(() => {}, 60_000); // no socket of ours keeps the process alive
  const folder = mkdtempSync(join(tmpdir(), 'skylark-path-'));
  const store = await openSqliteStore(folder, { clock });
  const bus = memoryBus({ clock });
  const log = pino({ level: 'error' });
  const { parts, router } = await composeRouter({ store, bus, clock, log });
  await parts.tenants.add(domain, { registration: 'closed', retentionDays: 0 });
  const scram = await deriveKeys('bench', clock);
  const locals = Array.from({ length: options.sessions }, (_, index) => `bench${index}`);
  await Promise.all(locals.map((local) => createAccount(store, domain, local, { createdAt: '2026-01-01T00:00:00Z', scram })));
  const tls = watchTls(await keepSelfSigned(join(folder, 'tls'), domain, clock), log);
  const free = { perSecond: 1e6, burst: 1e6 };
  const rates = { accepts: free, acceptsPerAddress: free, opensPerTenant: free, ready: free };
  const ports = { bus, store, clock, log };
  const node = await startConnectionNode({ ...ports, node: 'path', tls: tls.source, listen: { bind: '127.0.0.1' }, rates });
  const clients: Client[] = [];
  for (let at = 0; at < locals.length; at += atOnce) {
    clients.push(...(await Promise.all(locals.slice(at, at + atOnce).map((local) => enter(node, local, options.sm)))));
  }
  await pause(1_500);
  await chat(clients, { ...options, messages: warmUp });
  const cost = await chat(clients, options);
  console.log(`CPU per message             ${cost.total.toFixed(1)} µs, of it main thread ${cost.main.toFixed(1)} µs`);
  await node.stop();
  await router.stop();
  await bus.close();
  await store.close();
  tls.stop();
  clearInterval(awake);
  rmSync(folder, { recursive: true, force: true });
}

async function enter(node: ConnectionNode, local: string, sm: boolean): Promise<Client> {
  const client = new Client(local);
  await node.acceptWebSocket(client as unknown as WebSocket, { address: '127.0.0.1', isSecure: true, binding: {} });
  await client.signIn(local, sm);
  return client;
}

async function chat(clients: readonly Client[], { rate, messages, underWay }: PathOptions): Promise<Costs> {
  let received = 0;
  for (const client of clients) {
    client.onStanza = (text) => {
      if (text.includes('<body>')) received++;
    };
  }
  const usage = process.cpuUsage();
  const thread = process.threadCpuUsage();
  const start = performance.now();
  let sent = 0;
  while (received < messages) {
    const due = Math.min(messages, ((performance.now() - start) / 1000) * rate, received + underWay);
    for (; sent < due; sent++) {
      const from = sent % clients.length;
      const to = (from * 7 + sent * 13 + 1) % clients.length;
      clients[from]!.write(message(clients[to]!.jid, sent));
    }
    await pause(tickMs);
  }
  const { user, system } = process.cpuUsage(usage);
  const main = process.threadCpuUsage(thread);
  return { total: (user + system) / sent, main: (main.user + main.system) / sent };
}

/** 349 bytes like a client's. */
function message(to: string, sequence: number): string {
  const body = `${sequence} Wherefore art thou, Romeo? Deny thy father and refuse thy name. And I'll no longer be a Capulet.`;
  return `<message xmlns='jabber:client' type='chat' to='${to}' id='m${sequence}'><body>${body}</body><active xmlns='http://jabber.org/protocol/chatstates'/><request xmlns='urn:xmpp:receipts'/></message>`;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const { values } = parseArgs({
  options: {
    sessions: { type: 'string', default: '500' },
    rate: { type: 'string', default: '100000' },
    'under-way': { type: 'string', default: '1000' },
    messages: { type: 'string', default: '20000' },
    sm: { type: 'boolean', default: false },
  },
});
const { sessions, rate, messages, sm } = values;
const underWay = Number(values['under-way']);
await path({ sessions: Number(sessions), underWay, rate: Number(rate), messages: Number(messages), sm });
process.exit(0);
