/** What each adapter of the Store port must do: the doc comments of `lib/ports/store.ts` as tests. */
import { after, before, describe, test } from 'node:test';
import { boundTests } from './store-bounds.ts';
import { conditionTests } from './store-conditions.ts';
import { checkAgainstModel } from './store-model.ts';
import { queryTests } from './store-queries.ts';
import { rowTests } from './store-rows.ts';
import { searchTests } from './store-search.ts';
import { type OpenStore, type Quirks, subject } from './store-subject.ts';

export { type OpenStore, setClock } from './store-subject.ts';

export function storeContract(name: string, open: () => Promise<OpenStore>, quirks: Quirks = {}): void {
  describe(`${name} as a Store`, () => {
    let opened: OpenStore;
    before(async () => {
      opened = await open();
    });
    after(() => opened?.close());

    const on = subject(() => opened, quirks);
    rowTests(on);
    queryTests(on);
    conditionTests(on);
    boundTests(on);
    if (quirks.keepsWords) searchTests(on);
    test('any sequence of calls answers as a simple model does', () => checkAgainstModel(on));
  });
}
