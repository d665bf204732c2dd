/** Servers that show certificates from rows, as connection nodes do, on a store, keys and a clock that a test can break and move. */
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { domainToASCII } from 'node:url';
import { pino } from 'pino';
import { openFileKeys } from '../../lib/adapters/file-keys.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Keys } from '../../lib/ports/keys.ts';
import { type Store, Unavailable } from '../../lib/ports/store.ts';
import { checkPem } from '../../lib/runtime/certificate-pem.ts';
import { Certificates } from '../../lib/runtime/certificates.ts';
import { channelBinding, shownCertificate } from '../../services/connection/door/channel-binding.ts';
import { StoreTls } from '../../services/connection/door/store-tls.ts';
import { reloadedOptions, serverOptions } from '../../services/connection/door/tls.ts';
import { connectionLimits } from '../../services/connection/limits.ts';
import { dns, type Made, makePem } from '../support/pem.ts';
import { ManualClock } from './manual-clock.ts';

/** Its chance is none: the list is looked at every `certificatePollMs`. */
class EvenClock extends ManualClock {
  override randomBytes(length: number): Buffer {
    return Buffer.alloc(length);
  }
}

export interface TlsNode {
  readonly source: StoreTls;
  readonly port: number;
}

export interface Shown {
  readonly fingerprint: string;
  readonly isReused: boolean;
  /** What the server binds to, Base64. */
  readonly endPoint: string;
  readonly der: Buffer;
  readonly session: Buffer | undefined;
}

export class TlsGround {
  readonly clock = new EvenClock();
  readonly logged: { readonly level: number; readonly [name: string]: unknown }[] = [];
  readonly partitionsRead: string[] = [];
  isKeyAway = false;
  isStoreAway = false;
  store!: Store;
  keys!: Keys;
  #held: { readonly begin: () => void; readonly released: Promise<void> } | undefined;
  readonly #folder = mkdtempSync(join(tmpdir(), 'skylark-certificates-'));
  readonly #log = pino({ level: 'info' }, { write: (text: string) => void this.logged.push(JSON.parse(text)) });
  readonly #running: { stop(): void }[] = [];
  readonly #ticketKeys = randomBytes(48);

  static async open(): Promise<TlsGround> {
    const ground = new TlsGround();
    const rows = await openSqliteStore(ground.#folder, { clock: systemClock });
    ground.store = new Proxy(rows, {
      get(target, name) {
        const method = Reflect.get(target, name) as (...given: unknown[]) => unknown;
        return (...given: [{ partition?: string }]) => {
          if (name === 'get' || name === 'query') ground.partitionsRead.push(given[0].partition!);
          if (name === 'query' && given[0].partition === '#certificates' && ground.#held !== undefined) {
            const rows = method.apply(target, given); // as they are now
            ground.#held.begin();
            return ground.#held.released.then(() => rows);
          }
          if (ground.isStoreAway) return Promise.reject(new Unavailable('the store is away'));
          return method.apply(target, given);
        };
      },
    });
    const file = openFileKeys({ path: join(ground.#folder, 'one.key'), clock: systemClock });
    ground.keys = {
      seal: (secret, context) => file.seal(secret, context),
      open: (sealed, context) => (ground.isKeyAway ? Promise.reject(new Unavailable('KMS is away')) : file.open(sealed, context)),
    };
    return ground;
  }

  async close(): Promise<void> {
    this.isStoreAway = false;
    for (const each of this.#running.splice(0)) each.stop();
    await this.store.close();
    rmSync(this.#folder, { recursive: true });
  }

  /** A new certificate of the domain. @returns its fingerprint */
  async add(domain: string, ...more: string[]): Promise<string> {
    const { cert: chain, key } = await makePem(domain, {
      names: dns(...[domain, ...more].map((name) => domainToASCII(name) || name)),
    });
    const entry = checkPem(domain, { chain, key }, 'acme', systemClock.now());
    await new Certificates(this.store).put(entry, { chain, sealedKey: await this.keys.seal(Buffer.from(key), domain) });
    return entry.fingerprint;
  }

  /** As a connection node does it: echoes, after a line with the end point that it believes to have shown. */
  async start(fallback?: Made, defaultDomains?: readonly string[]): Promise<TlsNode> {
    const { store, keys, clock } = this;
    const pem = fallback && { cert: fallback.cert, key: fallback.key };
    const source = await StoreTls.start({
      store,
      keys,
      clock,
      log: this.#log,
      ticketKeys: this.#ticketKeys,
      fallback: pem,
      defaultDomains,
    });
    const sockets = new Set<TLSSocket>();
    const server: Server = createServer(serverOptions(source), (socket) => {
      sockets.add(socket);
      socket.on('error', () => {});
      const { 'tls-server-end-point': endPoint = 'none' } = channelBinding(socket, shownCertificate(socket, source));
      socket.write(`${endPoint}\n`);
      socket.pipe(socket);
    });
    server.on('tlsClientError', () => {});
    source.onReload(() => server.setSecureContext(reloadedOptions(source)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    this.#running.push({
      stop() {
        source.stop();
        server.close();
        for (const socket of sockets) socket.destroy();
      },
    });
    return { source, port: (server.address() as AddressInfo).port };
  }

  /** The next look at the list has read it, and is told only when it is released. */
  holdList(): { readonly begun: Promise<void>; readonly release: () => void } {
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const { promise: released, resolve } = Promise.withResolvers<void>();
    this.#held = { begin, released };
    const release = () => {
      this.#held = undefined;
      resolve();
    };
    return { begun, release };
  }

  /** Whoever names an unknown name may have to wait for the next look at the list: the clock goes on until that is answered. */
  async meanwhile<Result>(work: Promise<Result>): Promise<Result> {
    let isOver = false;
    const end = () => {
      isOver = true;
    };
    work.then(end, end);
    while (!isOver) await this.clock.advance(20);
    return work;
  }

  poll(): Promise<void> {
    return this.clock.advance(connectionLimits.certificatePollMs);
  }
}

export async function dial(
  { port }: TlsNode,
  servername: string | undefined,
  options: ConnectionOptions = {},
): Promise<TLSSocket> {
  const socket = connect({ host: '127.0.0.1', port, servername, rejectUnauthorized: false, ...options });
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  socket.on('error', () => {});
  return socket;
}

export function line(socket: TLSSocket): Promise<string> {
  return new Promise((resolve) => socket.once('data', (chunk) => resolve(`${chunk}`.trim())));
}

export async function look(node: TlsNode, servername: string | undefined, options: ConnectionOptions = {}): Promise<Shown> {
  const socket = connect({ host: '127.0.0.1', port: node.port, servername, rejectUnauthorized: false, ...options });
  const ticket = new Promise<Buffer>((resolve) => void socket.once('session', resolve));
  const said = line(socket);
  await new Promise<void>((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  const { raw } = socket.getPeerCertificate();
  const isReused = socket.isSessionReused();
  const endPoint = await said;
  const session = isReused ? undefined : await ticket;
  socket.destroy();
  const fingerprint = raw === undefined ? '' : createHash('sha256').update(raw).digest('hex');
  return { fingerprint, isReused, endPoint, der: raw, session };
}

/** What a client sees that is refused. */
export const alert = { code: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' };

/** When what a node does by itself is done. @throws when it never is */
export async function soon(node: TlsNode, servername: string | undefined, fingerprint: string): Promise<void> {
  for (let tries = 0; tries < 100; tries++) {
    if ((await look(node, servername)).fingerprint === fingerprint) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`${servername} is not shown the new one`);
}
