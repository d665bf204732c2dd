/** XEP-0115: what a client says of itself in its presence, and whether its answer to disco#info is what the hash was made of (§5.4). */
import { createHash } from 'node:crypto';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';

const capsNs = 'http://jabber.org/protocol/caps';
export const infoNs = 'http://jabber.org/protocol/disco#info';

export interface Caps {
  /** As in XEP-0300; absent in the form before version 1.4, whose `ver` is no hash. */
  readonly hash: string | undefined;
  readonly node: string;
  readonly ver: string;
}

/** undefined: says nothing of use. */
export function readCaps(presence: Stanza): Caps | undefined {
  const attrs = presence.child('c', capsNs)?.attrs;
  if (!attrs?.ver) return undefined;
  const { hash, node = '', ver } = attrs as { hash?: string; node?: string; ver: string };
  return (hash?.length ?? 0) + node.length + ver.length > routerLimits.capsCharactersMax ? undefined : { hash, node, ver };
}

export function isSameCaps(one: Caps | undefined, other: Caps | undefined): boolean {
  return one?.hash === other?.hash && one?.node === other?.node && one?.ver === other?.ver;
}

/** Nodes that the client wants notifications of: features `<node>+notify` (XEP-0060 §9.2), as many as are kept. */
export function notifyFeatures(query: Element): readonly string[] {
  const wanted: string[] = [];
  let bytes = 0;
  for (const { attrs } of query.getChildren('feature', infoNs)) {
    const name = attrs.var as string | undefined;
    if (!name?.endsWith('+notify')) continue;
    const node = name.slice(0, -'+notify'.length);
    bytes += Buffer.byteLength(node);
    if (node === '' || wanted.includes(node)) continue;
    if (wanted.length === routerLimits.pepWantedMax || bytes > routerLimits.pepWantedBytesMax) break;
    wanted.push(node);
  }
  return wanted;
}

const algorithms: Readonly<Record<string, string>> = { 'sha-1': 'sha1', 'sha-256': 'sha256', 'sha-512': 'sha512' };

/** §5.4. false also for an answer that is ill-formed, or that two different ones could give. */
export function isVerified({ hash = '', ver }: Caps, query: Element): boolean {
  const algorithm = Object.hasOwn(algorithms, hash) ? algorithms[hash]! : undefined;
  const text = algorithm === undefined ? undefined : verificationText(query);
  return text !== undefined && createHash(algorithm!).update(text).digest('base64') === ver;
}

/** §5.1. */
function verificationText(query: Element): string | undefined {
  const identities = query.getChildren('identity', infoNs).map(({ attrs }) => {
    return [attrs.category ?? '', attrs.type ?? '', attrs['xml:lang'] ?? '', attrs.name ?? ''].join('/');
  });
  const features = query.getChildren('feature', infoNs).map(({ attrs }) => (attrs.var as string | undefined) ?? '');
  if (identities.length + features.length > routerLimits.capsFeaturesMax) return undefined;
  const forms = query.getChildren('x', 'jabber:x:data').map((form) => formLines(form as Element));
  const types = forms.filter((form) => form !== undefined).map(([type]) => type);
  if ([identities, features, types].some((list) => new Set(list).size !== list.length)) return undefined;
  const lines = [
    ...identities.sort(byOctets),
    ...features.sort(byOctets),
    ...forms
      .filter((form) => form !== undefined)
      .toSorted(([a], [b]) => byOctets(a!, b!))
      .flat(),
  ];
  if (lines.some((line) => line.includes('<'))) return undefined; // §7.1: the separator
  return lines.map((line) => `${line}<`).join('');
}

/** undefined: a form that does not count (§5.4 rule 3.6). */
function formLines(form: Element): readonly string[] | undefined {
  const fields = form.getChildren('field', 'jabber:x:data').map((field) => ({
    name: (field.attrs.var as string | undefined) ?? '',
    type: field.attrs.type as string | undefined,
    values: field.getChildren('value', 'jabber:x:data').map((value) => value.getText()),
  }));
  const formType = fields.find(({ name }) => name === 'FORM_TYPE');
  if (formType?.type !== 'hidden' || formType.values.length === 0) return undefined;
  const others = fields.filter((field) => field !== formType).sort((a, b) => byOctets(a.name, b.name));
  return [formType.values[0]!, ...others.flatMap(({ name, values }) => [name, ...values.sort(byOctets)])];
}

/** In the order of their bytes in UTF-8 (§5.1), which is that of code points, without making bytes of them for each comparison. */
function byOctets(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const unit = one.charCodeAt(at);
    const otherUnit = other.charCodeAt(at);
    if (unit !== otherUnit) return orderOf(unit) - orderOf(otherUnit);
  }
  return one.length - other.length;
}

/** Halves of characters beyond the first plane come behind all characters of it. */
function orderOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
