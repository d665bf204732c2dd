/**
 * XEP-0441: Message Archive Management Preferences. One item per account; without it everything is archived.
 */
import { limits } from '../../../lib/limits.ts';
import { collection } from '../../../lib/runtime/collection.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import type { Account } from '../core/account.ts';
import { setOf } from '../core/address-set.ts';
import type { AccountFeature } from '../core/feature.ts';
import { isInRoster } from '../roster/roster.ts';

const NS = 'urn:xmpp:mam:2';

interface Preferences {
  readonly default: 'always' | 'never' | 'roster';
  /** JIDs as the client wrote them, prepared. */
  readonly always: readonly string[];
  readonly never: readonly string[];
}

export const preferences = collection<Preferences>('archive-preferences', 'account');
const initial: Preferences = { default: 'always', always: [], never: [] };

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
  return (await account.get(preferences)) ?? initial;
}

/** §2.3: an address in full, then its bare form, then the default. Of a stage that names {@link preferences} in its `reads`. */
export function mayArchive(account: Account, peer: Jid): Promise<boolean> | boolean {
  const { always, never, default: rule } = account.loaded(preferences) ?? initial;
  if (always.length > 0 || never.length > 0) {
    for (const address of [peer.toString(), peer.bare.toString()]) {
      if (setOf(never).has(address)) return false;
      if (setOf(always).has(address)) return true;
    }
  }
  if (rule !== 'roster') return rule === 'always';
  return isInRoster(account, peer);
}

async function change(request: Element, account: Account): Promise<Element> {
  const rule = request.attrs.default;
  if (rule !== 'always' && rule !== 'never' && rule !== 'roster')
    throw new StanzaError('bad-request', `default is '${rule ?? ''}'`);
  const next: Preferences = { default: rule, always: jids(request, 'always'), never: jids(request, 'never') };
  if (Buffer.byteLength(JSON.stringify(next)) > limits.archivePreferencesBytesMax) {
    throw new StanzaError('policy-violation', 'the addresses take too much room');
  }
  await account.update(preferences, '', () => next);
  return show(next);
}

function jids(request: Element, name: string): string[] {
  const list = request.getChild(name, NS)?.getChildren('jid', NS) ?? [];
  const max = limits.archivePreferencesMax;
  if (list.length > max) throw new StanzaError('policy-violation', `at most ${max} addresses in '${name}'`);
  return [...new Set(list.map((item) => Jid.parse(item.getText().trim()).toString()))];
}

function show({ default: rule, always, never }: Preferences): Element {
  const list = (name: string, items: readonly string[]) => xml(name, {}, ...items.map((item) => xml('jid', {}, item)));
  return xml('prefs', { xmlns: NS, default: rule }, list('always', always), list('never', never));
}
