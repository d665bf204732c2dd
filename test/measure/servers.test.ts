import { test } from 'node:test';
import { assertAgrees } from './agreement.ts';
import { measureServers } from './server-actions.ts';

test('actions between servers, measured again, need what measured.json says', async () => {
  assertAgrees(await measureServers());
});
