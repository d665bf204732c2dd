/** XEP-0227 §4.3: the keys of a password. A password itself is made into keys, and is kept nowhere. */
import { update } from '../../../lib/runtime/update.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { type AccountRow, accounts, type ScramHash, type ScramKeys } from '../core/accounts.ts';
import { deriveKeys, digests, InvalidPassword, scramHashes } from '../sasl/passwords.ts';
import type { Arrival } from './arrival.ts';
import { portableLimits } from './limits.ts';

export const scramNs = 'urn:xmpp:pie:0#scram';

/** @throws {Overloaded} */
export async function takePassword(arrival: Arrival, password: string): Promise<void> {
  if (!arrival.isNew) return;
  const { clock, shares } = arrival.account.turn.dependencies;
  try {
    const keys = await deriveKeys(password, clock, (work) =>
      shares.newPasswords.run([arrival.account.domain, 'operators'], work),
    );
    await putKeys(arrival, keys);
  } catch (error) {
    if (!(error instanceof InvalidPassword)) throw error;
    arrival.leaveOut('password', error.message);
  }
}

/** An account that was there keeps its password. */
export async function takeKeys(arrival: Arrival, element: Element): Promise<boolean> {
  if (!arrival.isNew) return false;
  const mechanism = String(element.attrs.mechanism ?? '');
  const hash = scramHashes.find((one) => mechanism === `SCRAM-${one}`);
  if (hash === undefined)
    throw new StanzaError('feature-not-implemented', `the mechanism '${mechanism.slice(0, 40)}' is unknown`);
  await putKeys(arrival, { [hash]: keysIn(element, hash) });
  return true;
}

async function putKeys({ account }: Arrival, keys: AccountRow['scram']): Promise<void> {
  await update(account.rows, accounts, '', (row) => row?.isArriving && { ...row, scram: { ...row.scram, ...keys } });
}

/** @throws {StanzaError} */
function keysIn(element: Element, hash: ScramHash): ScramKeys {
  const text = (name: string) => element.getChildText(name, scramNs)?.trim() ?? '';
  const count = text('iter-count');
  const iterations = /^[1-9]\d{0,8}$/.test(count) ? Number(count) : Number.NaN;
  if (!(iterations <= portableLimits.iterationsMax))
    throw new StanzaError('not-acceptable', `iter-count is a number up to ${portableLimits.iterationsMax}`);
  const { bytes } = digests[hash];
  const given = [text('salt'), text('stored-key'), text('server-key')] as const;
  const [salt, storedKey, serverKey] = isEncodedTwice(given[1], bytes) ? given.map(textIn) : given;
  return {
    salt: decoded('salt', salt!, 1, portableLimits.saltBytesMax),
    iterations,
    storedKey: decoded('stored-key', storedKey!, bytes, bytes),
    serverKey: decoded('server-key', serverKey!, bytes, bytes),
  };
}

/** COMPAT: ejabberd 23.01 writes base64 of base64. Remove this when no release that does is in use. */
function isEncodedTwice(key: string, bytes: number): boolean {
  return Buffer.from(key, 'base64').length !== bytes && Buffer.from(textIn(key), 'base64').length === bytes;
}

function textIn(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}

/** @returns canonical base64. @throws {StanzaError} that does not quote the key */
function decoded(name: string, text: string, min: number, max: number): string {
  const bytes = Buffer.from(text, 'base64');
  const canonical = bytes.toString('base64');
  if (
    canonical.replace(/=+$/, '') === text.replaceAll(/\s/g, '').replace(/=+$/, '') &&
    bytes.length >= min &&
    bytes.length <= max
  )
    return canonical;
  throw new StanzaError('not-acceptable', `${name} is not base64 of ${min === max ? min : `${min} to ${max}`} bytes`);
}

export function keysElements({ scram }: AccountRow): Element[] {
  return scramHashes.flatMap((hash) => {
    const keys = scram[hash];
    if (keys === undefined) return [];
    return xml(
      'scram-credentials',
      { xmlns: scramNs, mechanism: `SCRAM-${hash}` },
      xml('iter-count', {}, `${keys.iterations}`),
      xml('salt', {}, keys.salt),
      xml('server-key', {}, keys.serverKey),
      xml('stored-key', {}, keys.storedKey),
    );
  });
}
