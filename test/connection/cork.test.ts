/** One write per socket and turn; a crowd does not keep others waiting. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { connectionLimits } from '../../services/connection/limits.ts';
import { Cork } from '../../services/connection/stream/cork.ts';

const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

/** Names of sockets as they are written to. */
class Written {
  readonly names: string[] = [];

  socket(name: string): { flush(): void } {
    return { flush: () => void this.names.push(name) };
  }
}

test('what a few sockets are given in a turn leaves at its end, in order', async () => {
  const [cork, written] = [new Cork(), new Written()];
  for (const name of ['a', 'b', 'c']) cork.add(written.socket(name));
  assert.deepEqual(written.names, []);
  await turn();
  assert.deepEqual(written.names, ['a', 'b', 'c']);
});

test('thousands of sockets take several turns, each is written to once, and those that come later are not behind them', async () => {
  const [cork, written] = [new Cork(), new Written()];
  const crowd = 10 * connectionLimits.socketsPerTurn;
  for (let index = 0; index < crowd; index++) cork.add(written.socket(`crowd ${index}`));
  await turn();
  assert.ok(written.names.length <= 2 * connectionLimits.socketsPerTurn, `${written.names.length} in one turn`);
  const before = written.names.length;
  cork.add(written.socket('late'));
  await turn();
  assert.equal(written.names.indexOf('late'), before, 'first in its turn');
  for (let turns = 0; turns < 12; turns++) await turn();
  const others = written.names.filter((name) => name !== 'late');
  assert.deepEqual(
    others,
    Array.from({ length: crowd }, (_, index) => `crowd ${index}`),
  );
});

test('a crowd that never ends starves nobody of those that wait', async () => {
  const [cork, written] = [new Cork(), new Written()];
  for (let index = 0; index < 3 * connectionLimits.socketsPerTurn; index++) cork.add(written.socket('waiting'));
  for (let turns = 0; turns < 3; turns++) {
    await turn();
    for (let index = 0; index < connectionLimits.socketsPerTurn; index++) cork.add(written.socket('fresh'));
  }
  assert.equal(written.names.filter((name) => name === 'waiting').length, 3 * connectionLimits.socketsPerTurn);
});
