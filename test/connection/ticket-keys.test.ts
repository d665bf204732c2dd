/** TLS session tickets (RFC 8446 §4.6.1): one process takes those of another, before a restart and after, until the keys change. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { runtimeLimits } from '../../lib/runtime/limits.ts';
import { TicketKeys } from '../../lib/runtime/ticket-keys.ts';
import { PemTls } from '../../services/connection/door/tls.ts';
import { type ConnectionNode, startConnectionNode } from '../../services/connection/node.ts';
import { Deployment } from './deployment.ts';
import { certificate } from './fixture.ts';
import type { ManualClock } from './manual-clock.ts';

let deployment: Deployment;
/** All processes of a deployment show the same. */
const pem = certificate('example.org');
const watching: TicketKeys[] = [];
before(async () => {
  deployment = await Deployment.open();
});
after(async () => {
  for (const keys of watching) keys.stop();
  await deployment.close();
});

/** By how much the clock on the wall is ahead: hours of timers of everything else would take their time. */
let laterMs = 0;

function methodsOf(clock: ManualClock) {
  const { monotonic, after: ring, randomBytes } = clock;
  return { monotonic: monotonic.bind(clock), after: ring.bind(clock), randomBytes: randomBytes.bind(clock) };
}

/** As a process does: with keys of its own reading. */
async function start(name: string): Promise<ConnectionNode> {
  const { store, clock, bus, dependencies } = deployment;
  const tls = new PemTls([await pem]);
  const onError = (error: unknown) => assert.fail(String(error));
  const later = { ...methodsOf(clock), now: () => clock.now() + laterMs };
  watching.push(await TicketKeys.start({ store, clock: later, use: (keys) => tls.setTicketKeys(keys), onError }));
  const node = await startConnectionNode({
    ...{ bus, store, clock, log: dependencies.log, node: name, tls },
    listen: { bind: '127.0.0.1', c2sTlsPort: 0 },
  });
  deployment.nodes.push(node);
  return node;
}

/** @returns whether the session was good, and the next one */
async function handshake(node: ConnectionNode, session?: Buffer): Promise<{ isReused: boolean; session: Buffer }> {
  const { port } = node.addresses.c2sTls!;
  const socket: TLSSocket = connect({
    ...{ host: '127.0.0.1', port, servername: 'example.org', rejectUnauthorized: false, ALPNProtocols: ['xmpp-client'] },
    ...(session && { session }),
  });
  socket.on('error', () => {});
  const ticket = new Promise<Buffer>((resolve) => void socket.once('session', resolve));
  await new Promise<void>((resolve) => void socket.once('secureConnect', resolve));
  socket.resume();
  const isReused = socket.isSessionReused();
  const next = isReused ? session! : await ticket; // a ticket may be used again, and then none follows
  socket.destroy();
  return { isReused, session: next };
}

/** Until it is as expected: keys come from the store a while after the clock says so. */
async function shakesHands(node: ConnectionNode, session: Buffer, isReused: boolean): ReturnType<typeof handshake> {
  for (let tries = 1; ; tries++) {
    await deployment.during(new Promise((resolve) => void setTimeout(resolve, 20)));
    const result = await handshake(node, session);
    if (result.isReused === isReused || tries === 100) return result;
  }
}

test('tickets are good at other processes, and no more when the keys have changed everywhere', async () => {
  const [first, second] = [await start('t1'), await start('t2')];
  const fresh = await handshake(first);
  assert.equal(fresh.isReused, false);
  assert.equal((await handshake(first, fresh.session)).isReused, true);
  assert.equal((await handshake(second, fresh.session)).isReused, true);
  await deployment.during(first.stop());
  const third = await start('t3');
  assert.equal((await handshake(third, fresh.session)).isReused, true, 'after a restart');

  laterMs = runtimeLimits.ticketKeysMs;
  await deployment.clock.advance(runtimeLimits.ticketKeysPollMs);
  const later = await shakesHands(second, fresh.session, false);
  assert.equal(later.isReused, false, 'the old keys are gone');
  await deployment.clock.advance(runtimeLimits.ticketKeysPollMs);
  assert.equal((await shakesHands(third, later.session, true)).isReused, true, 'all have the new ones');
});
