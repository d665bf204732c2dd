/** A store that records which actions of DynamoDB its calls would need, and on which partitions. */
import type { Store } from '../../lib/ports/store.ts';

type Note = (actions: readonly string[], key: { readonly table: string; readonly partition: string }) => void;

/** The actions of lib/adapters/dynamodb-store.ts. A conditional write may read the row that is in the way. */
const conditional = (action: string) => [action, 'GetItem'];

export function recorded(store: Store, note: Note): Store {
  return {
    get(key, options) {
      note(['BatchGetItem'], key);
      return store.get(key, options);
    },
    batchGet(keys, options) {
      for (const key of keys) note(['BatchGetItem'], key);
      return store.batchGet(keys, options);
    },
    query(query) {
      note(['Query'], query);
      return store.query(query);
    },
    put(row, condition) {
      note(condition === undefined ? ['BatchWriteItem'] : conditional('PutItem'), row);
      return store.put(row, condition);
    },
    batchPut(rows) {
      for (const row of rows) note(['BatchWriteItem'], row);
      return store.batchPut(rows);
    },
    batchDelete(keys) {
      for (const key of keys) note(['BatchWriteItem'], key);
      return store.batchDelete(keys);
    },
    delete(key, condition) {
      note(conditional('DeleteItem'), key);
      return store.delete(key, condition);
    },
    add(key, by) {
      note(conditional('UpdateItem'), key);
      return store.add(key, by);
    },
    close: () => store.close(),
  };
}
