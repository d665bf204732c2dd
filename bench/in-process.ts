/**
 * Connection node, router, rooms and SQLite in this process, with clients that are driven directly, without sockets and TLS. It
 * measures what the server itself costs.
 */
import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import type { WebSocket } from 'ws';
import { memoryBus } from '../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../lib/adapters/system-clock.ts';
import type { Store } from '../lib/ports/store.ts';
import { measuredStore } from '../lib/runtime/measured-store.ts';
import type { PolicyChange } from '../lib/runtime/policy/tenant-policy.ts';
import { keepSelfSigned } from '../services/cli/compose/certificate.ts';
import { composeRouter } from '../services/cli/compose/compose-router.ts';
import { watchTls } from '../services/cli/compose/tls-source.ts';
import { startConnectionNode } from '../services/connection/node.ts';
import { startMucWorker } from '../services/muc/worker.ts';
import { createAccount } from '../services/router/core/accounts.ts';
import { deriveKeys } from '../services/router/sasl/passwords.ts';

const domain = 'localhost';
/** RFC 7395 §3.4. */
export const open = `<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='${domain}' version='1.0'/>`;

/** A WebSocket with both ends in this process. */
export class Client extends EventEmitter {
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

  /** The server calls this to write. */
  send(data: Buffer | string, _options: unknown, sent: () => void): void {
    const text = String(data);
    if (text.startsWith('<message') || text.startsWith('<iq') || text.startsWith('<presence')) this.#count++;
    if (text.startsWith('<r ')) this.write(`<a xmlns='urn:xmpp:sm:3' h='${this.#count}'/>`);
    else this.onStanza(text);
    process.nextTick(sent);
  }

  /** Delivers in a turn of its own, as a socket would. */
  write(text: string): void {
    setImmediate(() => void this.emit('message', Buffer.from(text), false));
  }

  /** @returns the first matching message */
  async ask(text: string, answer: RegExp): Promise<string> {
    return new Promise((resolve) => {
      this.onStanza = (got) => {
        if (answer.test(got)) resolve(got);
      };
      this.write(text);
    });
  }

  async signIn(local: string, sm: boolean): Promise<void> {
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

export interface InProcessServer {
  /** Streams over TCP, with STARTTLS. */
  readonly port: number;
  /** A stream before sign-in. */
  connect(local: string): Promise<Client>;
  /** Signs in and sends initial presence. @param sm use XEP-0198 */
  enter(local: string, sm: boolean): Promise<Client>;
  stop(): Promise<void>;
}

/**
 * @param locals the accounts; each has the password `bench`
 * @param policy of the tenant
 * @param measure times the calls to the store
 */
export async function startInProcess(
  locals: readonly string[],
  policy: PolicyChange = {},
  measure: (store: Store) => Store = (store) => measuredStore(store, clock),
): Promise<InProcessServer> {
  const awake = setInterval(() => {}, 60_000); // there are no sockets to keep the process alive
  const folder = mkdtempSync(join(tmpdir(), 'skylark-path-'));
  const store = measure(await openSqliteStore(folder, { clock }));
  const bus = memoryBus({ clock });
  const log = pino({ level: 'error' });
  const { dependencies, router } = await composeRouter({ store, bus, clock, log });
  await dependencies.tenants.add(domain, { registration: 'closed', retentionDays: 0, ...policy });
  const scram = await deriveKeys('bench', clock);
  await Promise.all(locals.map((local) => createAccount(store, domain, local, { createdAt: '2026-01-01T00:00:00Z', scram })));
  const tls = watchTls(await keepSelfSigned(join(folder, 'tls'), domain, clock), log);
  const free = { perSecond: 1e6, burst: 1e6 };
  const rates = { accepts: free, acceptsPerAddress: free, opensPerTenant: free, ready: free };
  const ports = { bus, store, clock, log };
  const sendingRates = { stanzas: free, bytes: { perSecond: 1e12, burst: 1e12 } };
  const listen = { bind: '127.0.0.1', c2sPort: 0 };
  const rooms = await startMucWorker({ ...dependencies, worker: 'path' });
  const node = await startConnectionNode({ ...ports, node: 'path', tls: tls.source, listen, rates, sendingRates });
  const connect = async (local: string): Promise<Client> => {
    const client = new Client(local);
    await node.acceptWebSocket(client as unknown as WebSocket, { address: '127.0.0.1', isSecure: true, binding: {} });
    return client;
  };
  return {
    port: node.addresses.c2s!.port,
    connect,
    async enter(local, sm) {
      const client = await connect(local);
      await client.signIn(local, sm);
      return client;
    },
    async stop() {
      await node.stop();
      await rooms.stop();
      await router.stop();
      await bus.close();
      await store.close();
      tls.stop();
      clearInterval(awake);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
