/** Noting the networks that accounts sign in from: later than the sign-in, together, and seen by the sign-ins until then. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { pino } from 'pino';
import { type Put, type Store, Unavailable } from '../../lib/ports/store.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { FamiliarNetworks, familiar } from '../../services/router/core/familiar-networks.ts';
import { routerLimits } from '../../services/router/limits.ts';
import { steppedClock } from '../support/stage/clocks.ts';
import { memoryStore } from '../support/stage/memory-store.ts';
import { until } from '../support/until.ts';

const juliet = { domain: 'example.org', local: 'juliet' };
const namesake = { domain: 'example.net', local: 'juliet' };

function open({ isFull = false } = {}) {
  const clock = steppedClock();
  const store = memoryStore(clock);
  const puts: string[] = [];
  const watched: Store = new Proxy(store, {
    get(target, name) {
      if (name === 'put')
        return (row: Put, ...rest: []) => {
          puts.push(row.partition);
          return isFull ? Promise.reject(new Unavailable('the disk is full')) : target.put(row, ...rest);
        };
      const value = Reflect.get(target, name) as unknown;
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
  const networks = new FamiliarNetworks(clock);
  const lines: string[] = [];
  const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
  const note = (account: typeof juliet, network: string, atMs = clock.now()) =>
    networks.note({ store: watched, log }, account, network, atMs);
  const written = async ({ domain, local }: typeof juliet) =>
    (await Rows.ofAccount(store, domain, local).get(familiar, ''))?.value;
  return { clock, networks, note, written, puts, lines };
}

test('a network is known at once, and written a moment later with all others, each account in its own row', async () => {
  const { clock, networks, note, written, puts } = open();
  const at = clock.now();
  note(juliet, 'home', at);
  note(juliet, 'train', at);
  note(namesake, 'office', at);
  assert.deepEqual(networks.unwritten(juliet), { home: at, train: at });
  assert.deepEqual(networks.unwritten(namesake), { office: at });
  assert.deepEqual(puts, []);
  await until(
    () => networks.unwritten(namesake) === undefined,
    () => 'notes were not written',
  );
  assert.deepEqual(await written(juliet), { home: at, train: at });
  assert.deepEqual(await written(namesake), { office: at });
  assert.deepEqual(puts, ['example.org/a/juliet', 'example.net/a/juliet'], 'one write for an account');
});

test('what is noted later is written later, beside what was noted before; the latest networks are kept', async () => {
  const { networks, note, written } = open();
  for (let n = 0; n < routerLimits.familiarNetworksMax + 2; n++) {
    note(juliet, `network ${n}`);
    await until(
      () => networks.unwritten(juliet) === undefined,
      () => 'notes were not written',
    );
  }
  const names = Object.keys((await written(juliet)) ?? {}).sort();
  assert.equal(names.length, routerLimits.familiarNetworksMax);
  assert.ok(!names.includes('network 0') && names.includes(`network ${routerLimits.familiarNetworksMax + 1}`));
});

test('a note that cannot be written is dropped without an error, and the next one is written', async () => {
  const { networks, note, lines } = open({ isFull: true });
  note(juliet, 'home');
  await until(
    () => networks.unwritten(juliet) === undefined,
    () => 'notes were not written',
  );
  assert.deepEqual(lines, []);
  note(juliet, 'home');
  assert.ok(networks.unwritten(juliet));
});

test('no more accounts wait than the bound says', () => {
  const { networks, note } = open();
  for (let n = 0; n <= routerLimits.familiarWaitingMax; n++) note({ ...juliet, local: `a${n}` }, 'home');
  assert.ok(networks.unwritten({ ...juliet, local: 'a0' }));
  assert.equal(networks.unwritten({ ...juliet, local: `a${routerLimits.familiarWaitingMax}` }), undefined);
});
