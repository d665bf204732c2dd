/** XEP-0115: the capabilities in a client's presence, and the check that its answer to disco#info fits their hash (§5.4). */
import { createHash } from 'node:crypto';
import type { Element } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';

const capsNs = 'http://jabber.org/protocol/caps';
export const infoNs = 'http://jabber.org/protocol/disco#info';

export interface Caps {
  /** The name of the hash function (XEP-0300). Absent in the form before version 1.4, in which `ver` is not a hash. */
  readonly hash: string | undefined;
  readonly node: string;
  readonly ver: string;
}

/** @returns undefined if the presence has no usable capabilities */
export function readCaps(presence: Stanza): Caps | undefined {
  const attrs = presence.child('c', capsNs)?.attrs;
  if (!attrs?.ver) return undefined;
  const { hash, node = '', ver } = attrs as { hash?: string; node?: string; ver: string };
  return (hash?.length ?? 0) + node.length + ver.length > routerLimits.capsCharactersMax ? undefined : { hash, node, ver };
}

export function isSameCaps(one: Caps | undefined, other: Caps | undefined): boolean {
  return one?.hash === other?.hash && one?.node === other?.node && one?.ver === other?.ver;
}

/** The nodes that the client wants to be notified about: features `<node>+notify` (XEP-0060 §9.2), up to a bound. */
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

/** §5.4. @returns false also for an answer that is ill-formed or ambiguous */
export function isVerified({ hash = '', ver }: Caps, query: Element): boolean {
  const algorithm = Object.hasOwn(algorithms, hash) ? algorithms[hash]! : undefined;
  const text = algorithm === undefined ? undefined : verificationText(query);
  return text !== undefined && createHash(algorithm!).update(text).digest('base64') === ver;
}

/** The text that the hash is made of (§5.1). @returns undefined if the answer is ill-formed */
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
  if (lines.some((line) => line.includes('<'))) return undefined; // §7.1: `<` is the separator, so the text would be ambiguous
  return lines.map((line) => `${line}<`).join('');
}

/** @returns undefined for a form that must be ignored (§5.4 rule 3.6) */
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

/** Compares by the bytes in UTF-8 (§5.1). That is the order of the code points, so no text has to be encoded. */
function byOctets(one: string, other: string): number {
  const length = Math.min(one.length, other.length);
  for (let at = 0; at < length; at++) {
    const unit = one.charCodeAt(at);
    const otherUnit = other.charCodeAt(at);
    if (unit !== otherUnit) return orderOf(unit) - orderOf(otherUnit);
  }
  return one.length - other.length;
}

/** Moves surrogates behind all other code units, because the characters that they form come last. */
function orderOf(unit: number): number {
  return unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit;
}
