/** Connection nodes on the in-process bus with a router by script, and clients that have come as far as a test needs them. */
import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import * as x509 from '@peculiar/x509';
import { pino } from 'pino';
import { type MemoryBus, memoryBus } from '../../lib/adapters/memory-bus.ts';
import { openSqliteStore } from '../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../lib/adapters/system-clock.ts';
import type { Store } from '../../lib/ports/store.ts';
import { type PemIdentity, PemTls } from '../../services/connection/door/tls.ts';
import { type ConnectionDependencies, type ConnectionNode, startConnectionNode } from '../../services/connection/node.ts';
import { FakeRouter } from './fake-router.ts';
import { ManualClock, settled } from './manual-clock.ts';
import { RawClient } from './raw-client.ts';

export const header =
  "<stream:stream to='example.org' version='1.0' xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams'>";
export const NS_SM = 'urn:xmpp:sm:3';

export async function certificate(name: string): Promise<PemIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    name: `CN=${name}`,
    notBefore: new Date(0),
    notAfter: new Date(4e12),
    signingAlgorithm: algorithm,
    keys: keys as never,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
  });
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)).toString('base64');
  return { cert: made.toString('pem'), key: `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----\n` };
}

/** Settings of a node that differ from the usual ones. */
export type Settings = Partial<Pick<ConnectionDependencies, 'rates' | 'peers' | 'features'>>;

export interface Fixture extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly bus: MemoryBus;
  readonly store: Store;
  readonly router: FakeRouter;
  readonly node: ConnectionNode;
  readonly tls: PemTls;
  /** Another node of the same deployment. */
  another(name: string, settings?: Settings): Promise<ConnectionNode>;
  stopNode(node: ConnectionNode): Promise<void>;
}

let identity: Promise<PemIdentity> | undefined;

export async function startFixture(): Promise<Fixture> {
  identity ??= certificate('example.org');
  const tls = new PemTls([await identity]);
  const clock = new ManualClock();
  const bus = memoryBus({ clock });
  const folder = mkdtempSync(join(tmpdir(), 'skylark-connection-'));
  const store = await openSqliteStore(folder, { clock: systemClock });
  const router = new FakeRouter(bus);
  await router.start();
  const nodes: ConnectionNode[] = [];
  const another = async (name: string, settings: Settings = {}): Promise<ConnectionNode> => {
    const node = await startConnectionNode({
      bus,
      store,
      clock,
      log: pino({ level: process.env.LOG ?? 'silent' }),
      node: name,
      ...settings,
      tls,
      listen: { bind: '127.0.0.1', c2sPort: 0, c2sTlsPort: 0 },
    });
    nodes.push(node);
    return node;
  };
  /** The clock has to go on for a node to wait. */
  const stopNode = async (node: ConnectionNode): Promise<void> => {
    let isStopped = false;
    const stopping = node.stop().then(() => {
      isStopped = true;
    });
    while (!isStopped) {
      await clock.advance(50);
      await pause(2); // rows are written in real time, and the clock must not run ahead of them
    }
    await stopping;
  };
  const node = await another('c1');
  return {
    clock,
    bus,
    store,
    router,
    node,
    tls,
    another,
    stopNode,
    async [Symbol.asyncDispose]() {
      for (const one of nodes) await stopNode(one);
      await bus.close();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A stream over direct TLS with its features read. */
export async function openStream(node: ConnectionNode): Promise<RawClient> {
  const client = RawClient.tls(node.addresses.c2sTls!.port);
  client.send(header);
  await client.read(/<\/stream:features>/);
  return client;
}

/** @param mechanism what it is called: the router by script takes the message whatever it is */
export function plainAuth(user: string, password = 'secret', mechanism = 'PLAIN'): string {
  const message = Buffer.from(`\0${user}\0${password}`).toString('base64');
  return `<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='${mechanism}'>${message}</auth>`;
}

/** Authenticated, features read, not bound. */
export async function signIn(node: ConnectionNode, user = 'juliet'): Promise<RawClient> {
  const client = await openStream(node);
  client.send(plainAuth(user));
  await client.read(/<success[^>]*>/);
  client.send(header);
  await client.read(/<\/stream:features>/);
  return client;
}

export async function bind(client: RawClient, resource = 'balcony'): Promise<void> {
  client.send(
    `<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
  );
  await client.read(/<iq [^>]*id='b'[^>]*>.*<\/iq>/);
}

export async function connected(node: ConnectionNode, user = 'juliet', resource = 'balcony'): Promise<RawClient> {
  const client = await signIn(node, user);
  await bind(client, resource);
  return client;
}

/** Enables XEP-0198. @returns the id to resume with */
export async function enable(client: RawClient): Promise<string> {
  client.send(`<enable xmlns='${NS_SM}' resume='true'/>`);
  return (await client.read(/<enabled [^>]*id='([^']+)'[^>]*>/))[1]!;
}

/** Waits until a condition holds that no client can see. */
export async function until(holds: () => boolean, what: string): Promise<void> {
  const patienceMs = 8_000;
  const start = performance.now();
  while (!holds()) {
    if (performance.now() - start > patienceMs) throw new Error(`waited in vain: ${what}`);
    await new Promise<void>((resolve) => void setTimeout(resolve, 1));
    await settled();
  }
}
