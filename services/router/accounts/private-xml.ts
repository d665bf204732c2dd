/**
 * The rows of private XML storage (XEP-0049). There is one row per namespace and element name, with all such elements of one
 * request.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';

interface Stored {
  readonly elements: readonly string[];
}

const stored = collection<Stored>('private', 'account');

export const privateNs = 'jabber:iq:private';

/** The key of an element's row. The element must have a namespace of its own (§2.3). @throws {StanzaError} */
export function privateKey(name: string, ns: string | undefined): string {
  if (!ns || ns === privateNs || ns === 'jabber:client') {
    throw new StanzaError('not-acceptable', 'an element must have a namespace of its own');
  }
  const key = `${name} ${ns}`;
  if (Buffer.byteLength(key) > routerLimits.privateKeyBytesMax)
    throw new StanzaError('not-acceptable', 'the namespace is too long');
  return key;
}

/** Reads the elements under a key. @returns an empty list if there are none */
export async function readPrivate(account: Account, key: string): Promise<readonly string[]> {
  return (await account.get(stored, key))?.elements ?? [];
}

/** All that the account keeps, by key. */
export async function privateElements(account: Account): Promise<{ key: string; elements: readonly string[] }[]> {
  const rows = await account.list(stored, { limit: routerLimits.privateElementsMax });
  return rows.map(({ key, value }) => ({ key, elements: value.elements }));
}

type Wanted = ReadonlyMap<string, readonly string[]>;

/** Checks the bounds. @throws {StanzaError} if the elements are too many or too large */
export async function checkPrivate(account: Account, wanted: Wanted): Promise<void> {
  const rows = await account.list(stored, { limit: routerLimits.privateElementsMax + 1 });
  const others = rows.filter(({ key }) => !wanted.has(key));
  if (others.length + wanted.size > routerLimits.privateElementsMax) {
    throw new StanzaError('resource-constraint', `an account can store at most ${routerLimits.privateElementsMax} elements`);
  }
  let bytes = others.reduce((sum, { value }) => sum + sizeOf(value.elements), 0);
  for (const elements of wanted.values()) {
    const size = sizeOf(elements);
    const max = routerLimits.privateElementBytesMax;
    if (size > max) throw new StanzaError('not-acceptable', `an element has ${size} bytes; at most ${max} are allowed`);
    bytes += size;
  }
  if (bytes > routerLimits.privateBytesMax)
    throw new StanzaError('resource-constraint', `an account can store at most ${routerLimits.privateBytesMax} bytes`);
}

/** Writes the elements at once. Call it only after {@link checkPrivate}. */
export async function writePrivate(account: Account, wanted: Wanted): Promise<void> {
  for (const [key, elements] of wanted) await account.update(stored, key, () => ({ elements }));
}

function sizeOf(elements: readonly string[]): number {
  return elements.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
}
