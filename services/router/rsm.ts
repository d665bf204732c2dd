/** XEP-0059: Result Set Management, the requesting and the answering form. */
import { limits } from '../../lib/limits.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';

const NS = 'http://jabber.org/protocol/rsm';

export interface Rsm {
  /** 0 to `limits.rsmPageMax`. */
  readonly max: number;
  /** The page begins behind this item. */
  readonly after?: string;
  /** The page ends before this item; '' = the last page. */
  readonly before?: string;
}

/** @throws {StanzaError} bad-request, feature-not-implemented (index) */
export function readRsm(request: Element): Rsm {
  const set = request.getChild('set', NS);
  if (!set) return { max: limits.rsmPageMax };
  if (set.getChild('index', NS)) throw new StanzaError('feature-not-implemented', 'pages by index are not offered');
  const text = set.getChildText('max', NS)?.trim();
  if (text !== undefined && text !== null && !/^\d{1,9}$/.test(text)) throw new StanzaError('bad-request', `max is '${text}'`);
  const after = set.getChildText('after', NS) ?? undefined;
  const before = set.getChild('before', NS)?.getText();
  return {
    max: Math.min(text ? Number(text) : limits.rsmPageMax, limits.rsmPageMax),
    after: after === '' ? undefined : after,
    before,
  };
}

/** `<set><first>…</first><last>…</last></set>`; empty for an empty page (§2.3). */
export function writeRsm(ids: readonly string[]): Element {
  const [first, last] = [ids[0], ids.at(-1)];
  return xml('set', { xmlns: NS }, first && xml('first', {}, first), last && xml('last', {}, last));
}
