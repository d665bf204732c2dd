/** Result sets: XEP-0059. */
import { limits } from '../../lib/limits.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { NS_RSM } from './namespaces.ts';

export interface Page {
  readonly max: number;
  /** Items behind this one. */
  readonly after?: string;
  /** Items ahead of this one, the nearest; '' for the last page (§2.5). */
  readonly before?: string;
}

/** @throws {StanzaError} bad-request for a max that is no number, feature-not-implemented for pages by index */
export function readPage(parent: Element, defaultMax: number): Page {
  const set = parent.getChild('set', NS_RSM);
  const max = set?.getChildText('max') ?? undefined;
  if (max !== undefined && !/^[0-9]{1,9}$/.test(max)) throw new StanzaError('bad-request', `max is ${JSON.stringify(max)}`);
  if (set?.getChild('index')) throw new StanzaError('feature-not-implemented', 'pages are not counted here');
  return {
    max: Math.min(max === undefined ? defaultMax : Number(max), limits.rsmPageMax),
    after: set?.getChildText('after') || undefined,
    before: set?.getChild('before')?.getText(),
  };
}

/** @param count of the whole set, where it is known */
export function renderPage(first: string | undefined, last: string | undefined, count?: number): Element {
  return xml(
    'set',
    { xmlns: NS_RSM },
    first === undefined ? undefined : xml('first', {}, first),
    last === undefined ? undefined : xml('last', {}, last),
    count === undefined ? undefined : xml('count', {}, String(count)),
  );
}
