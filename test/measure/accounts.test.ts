/** What actions of accounts cost is what `skylark cost` computes with. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { measureAccounts, measureHour } from './actions.ts';
import { assertAgrees, assertNear, measured } from './agreement.ts';

test('actions of accounts, measured again, need what measured.json says', async () => {
  assertAgrees(await measureAccounts());
});

test('processes that serve nobody, measured again, need what measured.json says', async () => {
  const { readUnits, writeUnits } = await measureHour();
  assertNear('write units of an hour', writeUnits, measured.processesHour.writeUnits, measured.processesHour.writeUnits * 0.05);
  assertNear('read units of an hour', readUnits, measured.processesHour.readUnits, measured.processesHour.readUnits * 0.05);
});

test('a difference is found', () => {
  const [name, use] = Object.entries(measured.actions)[0]!;
  const raw = { ...use, requests: { ...use.requests } };
  assertAgrees({ [name]: raw });
  assert.throws(
    () => assertAgrees({ [name]: { ...raw, writeUnits: raw.writeUnits + 2 } }),
    /writeUnits is .* measured\.json says/,
  );
  assert.throws(() => assertAgrees({ [name]: { ...raw, requests: {} } }), /BatchGetItem is 0/);
  assert.throws(() => assertAgrees({ [name]: { ...raw, wireBytesOut: raw.wireBytesOut * 1.2 } }), /wireBytesOut/);
  assert.throws(() => assertAgrees({ unknown: raw }), /is not in measured\.json/);
  assert.throws(() => assertAgrees({}));
});
