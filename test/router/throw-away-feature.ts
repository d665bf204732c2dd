/** A throw-away feature of accounts in one file: how often a session has rung the account's bell. */
import { collection } from '../../lib/runtime/collection.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import type { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from '../../services/router/core/account.ts';
import type { AccountFeature, Amendment } from '../../services/router/core/feature.ts';
import { sessionPart } from '../../services/router/core/session-part.ts';

export const bellNs = 'urn:example:bell';

interface Bell {
  readonly rung: number;
}

/** Rings of all sessions. */
const bell = collection<Bell>('bell', 'account');
/** Rings of one session. */
const ownRings = sessionPart<number>('bellRings');

export const throwAway: AccountFeature = {
  spec: 'XEP-9999',
  version: '0.0.1',
  title: 'A bell, for a test',
  disco: { host: [bellNs], account: [bellNs] },
  iq: [{ type: 'set', ns: bellNs, name: 'ring', to: 'self', handle: ring }],
  inbound: { reads: [bell], amend: tellRings },
};

async function ring(_request: Element, account: Account): Promise<Element> {
  let own = 0;
  await account.updateSession((entry) => {
    own = (ownRings.of(entry) ?? 0) + 1;
    return ownRings.with(entry, own);
  });
  const row = await account.update(bell, '', (before) => ({ rung: (before?.rung ?? 0) + 1 }));
  return xml('rung', { xmlns: bellNs, own: String(own), all: String(row?.rung) });
}

function tellRings(_stanza: Stanza, account: Account, amendment: Amendment): void {
  const { rung = 0 } = account.prefetched(bell) ?? {};
  if (rung > 0) amendment.append(xml('rung', { xmlns: bellNs, all: String(rung) }));
}
