/**
 * XEP-0115 §5.4: a row of the account remembers which nodes a verified hash stands for. Whoever has given the answer, it fits the hash, so it
 * counts for every client that names it; and nobody can forge what other accounts want, because the row is the account's own.
 */
import { collection } from '../../../lib/runtime/collection.ts';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Account } from '../core/account.ts';
import { routerLimits } from '../limits.ts';
import { type Caps, isVerified, notifyFeatures } from './caps.ts';

interface Known {
  readonly hash: string;
  readonly ver: string;
  readonly wanted: readonly string[];
}

/** In the order in which they were learned. */
const knownHashes = collection<{ readonly known: readonly Known[] }>('caps', 'account');

/** @returns the nodes that the hash stands for; undefined: it is not known, so the client has to be asked */
export async function nodesOfHash(account: Account, caps: Caps): Promise<readonly string[] | undefined> {
  const { known = [] } = (await account.get(knownHashes)) ?? {};
  return known.find(({ hash, ver }) => hash === caps.hash && ver === caps.ver)?.wanted;
}

/** Reads what a client has answered, and remembers it if it fits the hash. @returns the nodes that the client wants */
export async function learnHash(account: Account, caps: Caps, query: Element): Promise<readonly string[]> {
  const wanted = notifyFeatures(query);
  if (!isVerified(caps, query)) return wanted;
  await account.update(knownHashes, '', (value) => {
    const others = (value?.known ?? []).filter(({ hash, ver }) => hash !== caps.hash || ver !== caps.ver);
    return { known: [...others, { hash: caps.hash!, ver: caps.ver, wanted }].slice(-routerLimits.capsKnownMax) };
  });
  return wanted;
}

const answerPrefix = 'caps-';

/** The id of a request for what a hash stands for. */
export function askingId(account: Account): string {
  return `${answerPrefix}${account.turn.dependencies.ids.mint()}`;
}

export function isAskingId(id: string | undefined): boolean {
  return id?.startsWith(answerPrefix) === true;
}
