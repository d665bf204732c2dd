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
}

/**
 * @param maxDefault page size when the request does not name one
 * @throws {StanzaError} bad-request when max is not a number, feature-not-implemented for pages by index
 */
export function readRsm(request: Element, maxDefault: number = xmppLimits.rsmPageMax): Rsm {
  const set = request.getChild('set', NS);
  if (set?.getChild('index', NS)) throw new StanzaError('feature-not-implemented', 'pages by index are not offered');
  const max = set?.getChildText('max', NS)?.trim();
  if (max !== undefined && !/^[0-9]{1,9}$/.test(max))
    throw new StanzaError('bad-request', `max must be a number, not ${JSON.stringify(max)}`);
  return {
    max: Math.min(max === undefined ? maxDefault : Number(max), xmppLimits.rsmPageMax),
    after: set?.getChildText('after', NS) || undefined,
    before: set?.getChild('before', NS)?.getText(),
  };
}

/**
 * `<set><first>…</first><last>…</last></set>`; an empty page has neither (§2.3).
 * @param count size of the whole set, if known
 */
export function writeRsm(first: string | undefined, last: string | undefined, count?: number): Element {
  return xml(
    'set',
    { xmlns: NS },
    first === undefined ? undefined : xml('first', {}, first),
    last === undefined ? undefined : xml('last', {}, last),
    count === undefined ? undefined : xml('count', {}, String(count)),
  );
}
