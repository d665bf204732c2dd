/**
 * XEP-0054: vcard-temp. One row per account holds the vCard as the client wrote it. Everybody may read it (§3.3), also from
 * another tenant.
 *
 * Somebody who tries to set another person's vCard gets `service-unavailable`, whether the account exists or not. (§3.2 suggests
 * `forbidden`, which would reveal that the account exists.)
 */
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, verbatim, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';

const NS = 'vcard-temp';
const vcards = collection<{ readonly xml: string }>('vcard', 'account');

export const vcard: AccountFeature = {
  spec: 'XEP-0054',
  version: '1.3.0',
  title: 'vcard-temp',
  disco: { host: [NS], account: [NS] },
  iq: [
    { type: 'get', ns: NS, name: 'vCard', to: 'self', handle: async (_request, account) => (await read(account)) ?? empty() },
    { type: 'set', ns: NS, name: 'vCard', to: 'self', handle: write },
    {
      type: 'get',
      ns: NS,
      name: 'vCard',
      to: 'account',
      async handle(_request, account) {
        const card = await read(account);
        if (!card) throw new StanzaError('service-unavailable'); // §3.3: the same answer as for an account that does not exist
        return card;
      },
    },
  ],
};

function empty(): Element {
  return xml('vCard', { xmlns: NS });
}

async function read(account: Account): Promise<Element | undefined> {
  const row = await account.get(vcards);
  return row && verbatim(row.xml);
}

async function write(request: Element, account: Account): Promise<undefined> {
  const text = request.toString();
  const bytes = Buffer.byteLength(text);
  const max = routerLimits.vcardBytesMax;
  if (bytes > max) throw new StanzaError('not-acceptable', `a vCard of ${bytes} bytes; at most ${max}`);
  await account.update(vcards, '', () => ({ xml: text }));
}
