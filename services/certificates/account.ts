/**
 * The account at a CA (RFC 8555 §7.3) is a key. It is made once for each directory and stored sealed, because CAs limit new
 * accounts and count the orders of each. It has a partition of its own, `#acme`, which the processes that serve certificates may
 * not read.
 */
import { createHash } from 'node:crypto';
import type { Keys } from '../../lib/ports/keys.ts';
import { Conflict, type Store } from '../../lib/ports/store.ts';
import { collection } from '../../lib/runtime/collection.ts';
import { Rows } from '../../lib/runtime/rows.ts';
import { makeAccountKey } from './authority.ts';

const accounts = collection<{ readonly url: string; readonly sealedKey: string }>('account', 'deployment');

/**
 * The sealing context of the account. A domain cannot contain `#`, so what is sealed for the account is not sealed for any
 * tenant.
 */
const accountContext = '#acme';

/** @returns PEM. @throws {NotOpened} when the stored key cannot be opened; a new one is not made then. @throws {Unavailable} */
export async function accountKey(store: Store, keys: Keys, url: string): Promise<string> {
  const rows = Rows.ofDeployment(store, 'acme');
  const key = createHash('sha256').update(url).digest('hex');
  for (;;) {
    const found = await rows.get(accounts, key);
    if (found !== undefined) return (await keys.open(found.value.sealedKey, accountContext)).toString();
    const made = await makeAccountKey();
    const sealedKey = await keys.seal(Buffer.from(made), accountContext);
    try {
      await rows.put(accounts, key, { url, sealedKey }, 'absent');
      return made;
    } catch (error) {
      if (!(error instanceof Conflict)) throw error; // somebody else has made one, so that is used
    }
  }
}
