/** What actions in rooms cost is what `skylark cost` computes with. */
import { test } from 'node:test';
import { measureRooms } from './actions.ts';
import { assertAgrees } from './agreement.ts';

test('actions in rooms, measured again, need what measured.json says', async () => {
  assertAgrees(await measureRooms());
});
