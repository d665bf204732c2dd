/** XEP-0059 (Result Set Management): reads the request and writes the answer. */
import { type Element, xml } from './element.ts';
import { StanzaError } from './errors.ts';
import { xmppLimits } from './limits.ts';

const NS = 'http://jabber.org/protocol/rsm';

export interface Rsm {
  /** 0 to `xmppLimits.rsmPageMax`. */
  readonly max: number;
  /** The page begins behind this item. */
  readonly after?: string;
  /** The page consists of the items just before this one; '' is the last page (§2.5). */
  readonly before?: string;
  /** The page begins with the item at this place, from 0 on (§2.6). */
  readonly index?: number | undefined;
}

/**
 * @param maxDefault page size when the request does not name one
 * @param options.mayIndex the place of each item is known, so that pages by index can be offered
 * @throws {StanzaError} bad-request when max or index is not a number, feature-not-implemented for pages by index where they are not offered
 */
export function readRsm(
  request: Element,
  maxDefault: number = xmppLimits.rsmPageMax,
  { mayIndex = false }: { readonly mayIndex?: boolean } = {},
): Rsm {
  const set = request.getChild('set', NS);
  if (!mayIndex && set?.getChild('index', NS)) throw new StanzaError('feature-not-implemented', 'pages by index are not offered');
  const max = readNumber(set, 'max');
  return {
    max: Math.min(max ?? maxDefault, xmppLimits.rsmPageMax),
    ...(mayIndex && { index: readNumber(set, 'index') }),
    after: set?.getChildText('after', NS) || undefined,
    before: set?.getChild('before', NS)?.getText(),
  };
}

function readNumber(set: Element | undefined, name: string): number | undefined {
  const text = set?.getChildText(name, NS)?.trim();
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text);
  throw new StanzaError('bad-request', `${name} must be a number, not ${JSON.stringify(text.slice(0, 64))}`);
}

/**
 * `<set><first>…</first><last>…</last></set>`; an empty page has neither (§2.3).
 * @param count size of the whole set, if known
 * @param index place of the first item in the whole set, if known
 */
export function writeRsm(first: string | undefined, last: string | undefined, count?: number, index?: number): Element {
  return xml(
    'set',
    { xmlns: NS },
    first === undefined ? undefined : xml('first', { index }, first),
    last === undefined ? undefined : xml('last', {}, last),
    count === undefined ? undefined : xml('count', {}, String(count)),
  );
}
