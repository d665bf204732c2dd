/** A node that drains takes streams again: at the same ports, with the sessions that it still holds, and nobody loses or hears anything twice. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer } from 'node:net';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import type { ConnectionNode } from '../../services/connection/node.ts';
import { Deployment, Person } from './deployment.ts';
import { until } from './fixture.ts';

let deployment: Deployment;
let number = 0;
before(async () => {
  deployment = await Deployment.open();
});
after(() => deployment.close());

const node = (listen?: Parameters<Deployment['node']>[1]) => deployment.node(`u${++number}`, listen);
const undrain = (one: ConnectionNode) => deployment.during(one.undrain());
const drain = (one: ConnectionNode) => deployment.during(one.drain());

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

test('a drained node takes streams at the same ports again, and parked sessions come back to it', async () => {
  const one = await node();
  const { port } = one.addresses.c2sTls!;
  const juliet = await Person.join(deployment, one, 'juliet/balcony');
  await drain(one);
  assert.equal(await isOpen(port), false);
  assert.equal(await undrain(one), undefined);
  assert.deepEqual([one.isDraining, one.addresses.c2sTls!.port], [false, port]);
  assert.match(await juliet.resume(one), /<resumed/);
  const romeo = await Person.join(deployment, one, 'romeo/orchard');
  romeo.say('juliet@example.org', 'back');
  await juliet.heard('back');
  assert.deepEqual(juliet.bodies, ['back']);
  // It can be drained and filled as often as somebody likes, also when it does not drain.
  assert.equal(await undrain(one), undefined);
  await drain(one);
  assert.deepEqual([await isOpen(port), one.stats.sessions], [false, 0]);
  assert.equal(await undrain(one), undefined);
  assert.match(await juliet.resume(one), /<resumed/);
  juliet.client.destroy();
  romeo.client.destroy();
});

test('in the middle of a drain: who has not had their turn stays, who had it comes back, and each hears everything once', async () => {
  const one = await node();
  const people: Person[] = [];
  for (let count = 0; count < 40; count++) people.push(await Person.join(deployment, one, `monk${count}/cell`));
  const draining = one.drain();
  await deployment.clock.advance(100);
  assert.equal(await one.undrain(), undefined); // the clock stands meanwhile
  await deployment.during(draining);
  const isQuiet = () =>
    people.some(({ client }) => client.isClosed) && one.stats.sessions === people.filter(({ client }) => !client.isClosed).length;
  await deployment.during(until(isQuiet, 'those whose turn it was have to go'));
  for (let count = 0; count < 20; count++) await deployment.clock.advance(100);
  const [gone, left] = [people.filter(({ client }) => client.isClosed), people.filter(({ client }) => !client.isClosed)];
  assert.ok(gone.length > 0 && left.length > 0, `${gone.length} went, ${left.length} stayed`);
  assert.equal(one.stats.sessions, left.length);
  const abbot = await Person.join(deployment, one, 'abbot/cell');
  for (const { user } of people) abbot.say(`${user}@example.org`, `to ${user}`);
  await abbot.settle();
  for (const person of gone) assert.match(await person.resume(one), /<resumed/, person.user);
  for (const person of people) await person.heard(`to ${person.user}`);
  for (const person of people) {
    await person.settle();
    assert.deepEqual(person.bodies, [`to ${person.user}`]);
  }
  assert.equal(one.stats.sessions, people.length + 1);
  for (const { client } of [...people, abbot]) client.destroy();
});

test('with the ports of other servers and components, and with WebSockets', async () => {
  const one = await node({ c2sPort: 0, c2sTlsPort: 0, s2sPort: 0, s2sTlsPort: 0, componentPort: 0 });
  const web = createServer();
  await once(web.listen(0, '127.0.0.1'), 'listening');
  one.attachWebSocket(web, '/ws');
  const upgrade = () => {
    const socket = new WebSocket(`ws://127.0.0.1:${(web.address() as AddressInfo).port}/ws`, 'xmpp');
    return new Promise<boolean>((resolve) => {
      // While the node drains nobody takes the upgrade.
      socket.once('open', () => resolve(true)).once('error', () => resolve(false));
      setTimeout(() => resolve(false), 300);
    }).finally(() => socket.terminate());
  };
  const { addresses } = one;
  const ports = Object.values(addresses).map((address) => address!.port);
  assert.equal(ports.length, 5);
  const doors = async () => [...(await Promise.all(ports.map(isOpen))), await upgrade()];
  assert.deepEqual(new Set(await doors()), new Set([true]));
  await drain(one);
  assert.deepEqual(new Set(await doors()), new Set([false]));
  assert.equal(await undrain(one), undefined);
  assert.deepEqual(one.addresses, addresses);
  assert.deepEqual(new Set(await doors()), new Set([true]));
  const header = `<stream:stream to='example.org' version='1.0' xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams'>`;
  const server = connect(addresses.s2s!.port, '127.0.0.1');
  server.write(header);
  const [told] = (await once(server, 'data')) as [Buffer];
  assert.match(`${told}`, /<stream:stream /);
  server.destroy();
  web.close();
  web.closeAllConnections();
});

test('a node whose port somebody else has taken goes on draining, says so, and takes streams when the port is free', async () => {
  const one = await node({ c2sPort: 0, c2sTlsPort: 0, s2sPort: 0 });
  const { port } = one.addresses.s2s!;
  await drain(one);
  const thief = createTcpServer();
  await once(thief.listen(port, '127.0.0.1'), 'listening');
  assert.equal(await undrain(one), 'its ports cannot be opened again');
  assert.deepEqual([one.isDraining, await isOpen(one.addresses.c2sTls!.port)], [true, false]);
  await new Promise((resolve) => void thief.close(resolve));
  assert.equal(await undrain(one), undefined);
  assert.deepEqual([one.isDraining, await isOpen(port)], [false, true]);
});

test('what drains for good goes on: it was told why, also when an operator had drained it before, and a stop is one', async () => {
  const one = await node();
  const { port } = one.addresses.c2sTls!;
  await drain(one);
  await deployment.during(one.drain('a newer release runs'));
  assert.equal(await undrain(one), 'a newer release runs');
  const other = await node();
  const stopping = other.stop();
  assert.equal(await undrain(other), 'it stops');
  await deployment.during(stopping);
  assert.equal(await undrain(other), 'it stops');
  assert.deepEqual([await isOpen(port), await isOpen(other.addresses.c2sTls!.port)], [false, false]);
});

test('a stop that comes while the ports are opened again wins, and so does a second drain after it', async () => {
  const one = await node();
  const { port } = one.addresses.c2sTls!;
  await drain(one);
  const [undraining, stopping] = [one.undrain(), one.stop()];
  assert.equal(await deployment.during(undraining), 'it stops');
  await deployment.during(stopping);
  assert.equal(await isOpen(port), false);
});

test('several wishes at once are one', async () => {
  const one = await node();
  await drain(one);
  assert.deepEqual(await deployment.during(Promise.all([one.undrain(), one.undrain(), one.undrain()])), [
    ...[undefined, undefined, undefined],
  ]);
  assert.equal(await isOpen(one.addresses.c2sTls!.port), true);
});
