/** RFC 8305: in which order the addresses of one host are dialled, and what becomes of those that lost. */
import assert from 'node:assert/strict';
import { Socket } from 'node:net';
import { test } from 'node:test';
import { AddressRace } from '../../services/federation/finding/address-race.ts';
import { ManualClock } from '../connection/manual-clock.ts';

interface Outcome {
  readonly answer: (socket: Socket) => void;
  readonly fail: (error: Error) => void;
}

/** A race on a clock that stands still; `v4` and `v6` are what DNS says, or a promise of it. */
function openRace(v6: readonly string[] | Promise<readonly string[]>, v4: readonly string[] | Promise<readonly string[]>) {
  const clock = new ManualClock();
  const dialled: string[] = [];
  const cancelled: string[] = [];
  const failures: string[] = [];
  const outcomes = new Map<string, Outcome>();
  const race = new AddressRace({
    clock,
    addresses: async (family) => (family === 6 ? v6 : v4),
    dial(address) {
      dialled.push(address);
      const connected = new Promise<Socket>((answer, fail) => outcomes.set(address, { answer, fail }));
      return { connected, cancel: () => void cancelled.push(address) };
    },
    onFailure: ({ message }) => failures.push(message),
  });
  return { clock, race, dialled, cancelled, failures, outcomes };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

test('RFC 8305 §5: families take turns, and each address gets a quarter of a second before the next begins', async () => {
  const { clock, race, dialled, cancelled, outcomes } = openRace(['2001:db8::1', '2001:db8::2'], ['192.0.2.1']);
  const found = race.next();
  await settle();
  assert.deepEqual(dialled, ['2001:db8::1']);
  await clock.advance(249);
  assert.deepEqual(dialled, ['2001:db8::1']);
  await clock.advance(1);
  assert.deepEqual(dialled, ['2001:db8::1', '192.0.2.1']);
  await clock.advance(250);
  assert.deepEqual(dialled, ['2001:db8::1', '192.0.2.1', '2001:db8::2']);
  const socket = new Socket();
  outcomes.get('192.0.2.1')!.answer(socket);
  assert.deepEqual(await found, { address: '192.0.2.1', socket });
  assert.deepEqual(cancelled, ['2001:db8::1', '2001:db8::2']);
});

test('an address that fails makes room at once; when all have failed there is none', async () => {
  const { race, dialled, failures, outcomes } = openRace([], ['192.0.2.1', '192.0.2.2']);
  const found = race.next();
  await settle();
  outcomes.get('192.0.2.1')!.fail(new Error('refused'));
  await settle();
  assert.deepEqual(dialled, ['192.0.2.1', '192.0.2.2']);
  outcomes.get('192.0.2.2')!.fail(new Error('reset'));
  assert.equal(await found, undefined);
  assert.deepEqual(failures, ['refused', 'reset']);
  assert.equal(await race.next(), undefined);
});

test('RFC 8305 §3: IPv4 waits a moment for the IPv6 addresses, and no longer', async () => {
  const late = Promise.withResolvers<readonly string[]>();
  const { clock, race, dialled } = openRace(late.promise, ['192.0.2.1', '192.0.2.2']);
  void race.next();
  await settle();
  assert.deepEqual(dialled, []);
  await clock.advance(50);
  assert.deepEqual(dialled, ['192.0.2.1']);
  late.resolve(['2001:db8::1']);
  await settle();
  await clock.advance(250);
  assert.deepEqual(dialled, ['192.0.2.1', '2001:db8::1']);
});

test('IPv6 addresses that come while IPv4 waits are dialled at once', async () => {
  const late = Promise.withResolvers<readonly string[]>();
  const { race, dialled } = openRace(late.promise, ['192.0.2.1']);
  void race.next();
  await settle();
  late.resolve(['2001:db8::1']);
  await settle();
  assert.deepEqual(dialled, ['2001:db8::1']);
});

test('when the winner turns out to be useless, those that had no time to answer are dialled again', async () => {
  const { clock, race, dialled, outcomes } = openRace(['2001:db8::1'], ['192.0.2.1']);
  const found = race.next();
  await settle();
  await clock.advance(250);
  outcomes.get('192.0.2.1')!.answer(new Socket());
  await found;
  void race.next();
  assert.deepEqual(dialled, ['2001:db8::1', '192.0.2.1', '2001:db8::1']);
});

test('a race that was stopped ends whoever waits for it, and closes a socket that comes late', async () => {
  const { race, cancelled, outcomes } = openRace(['2001:db8::1'], []);
  const found = race.next();
  await settle();
  race.stop();
  assert.equal(await found, undefined);
  assert.deepEqual(cancelled, ['2001:db8::1']);
  const socket = new Socket();
  outcomes.get('2001:db8::1')!.answer(socket);
  await settle();
  assert.ok(socket.destroyed);
});
