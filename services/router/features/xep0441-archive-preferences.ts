/**
 * XEP-0441: Message Archive Management Preferences, in one row per account. Without the row, everything is archived.
 */
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { initialPreferences, type Preferences, preferences } from '../archive/preferences.ts';
import type { Account } from '../core/account.ts';
import type { AccountFeature } from '../core/feature.ts';
import { routerLimits } from '../limits.ts';

const NS = 'urn:xmpp:mam:2';

export const archivePreferences: AccountFeature = {
  spec: 'XEP-0441',
  version: '0.2.0',
  title: 'Message Archive Management Preferences',
  note: 'Without advanced configuration (§2.2).',
  iq: [
    { type: 'get', ns: NS, name: 'prefs', to: 'self', handle: async (_request, account) => show(await read(account)) },
    { type: 'set', ns: NS, name: 'prefs', to: 'self', handle: change },
  ],
};

async function read(account: Account): Promise<Preferences> {
  return (await account.get(preferences)) ?? initialPreferences;
}

async function change(request: Element, account: Account): Promise<Element> {
  const rule = request.attrs.default;
  if (rule !== 'always' && rule !== 'never' && rule !== 'roster')
    throw new StanzaError('bad-request', `the default must be always, never or roster, not '${(rule ?? '').slice(0, 64)}'`);
  const next: Preferences = { default: rule, always: jids(request, 'always'), never: jids(request, 'never') };
  if (Buffer.byteLength(JSON.stringify(next)) > routerLimits.archivePreferencesBytesMax) {
    throw new StanzaError('policy-violation', 'the addresses take too many bytes');
  }
  await account.update(preferences, '', () => next);
  return show(next);
}

function jids(request: Element, name: string): string[] {
  const list = request.getChild(name, NS)?.getChildren('jid', NS) ?? [];
  const max = routerLimits.archivePreferencesMax;
  if (list.length > max) throw new StanzaError('policy-violation', `at most ${max} addresses in '${name}'`);
  return [...new Set(list.map((item) => Jid.parse(item.getText().trim()).toString()))];
}

function show({ default: rule, always, never }: Preferences): Element {
  const list = (name: string, items: readonly string[]) => xml(name, {}, ...items.map((item) => xml('jid', {}, item)));
  return xml('prefs', { xmlns: NS, default: rule }, list('always', always), list('never', never));
}
