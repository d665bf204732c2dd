/** XEP-0413 (Order-By): reads in which order somebody wants items or messages. */
import type { Element } from './element.ts';
import { StanzaError } from './errors.ts';

const NS_ORDER = 'urn:xmpp:order-by:1';

export interface Order {
  readonly by: 'creation' | 'modification';
  readonly isDescending: boolean;
}

/** §5: what is announced of those whose answers to requests of a namespace can be ordered. */
export function orderFeatures(ns: string): readonly string[] {
  return [NS_ORDER, `${NS_ORDER}@${ns}`];
}

/**
 * §4.4: ascending by default.
 * @param usual without the element
 * @throws {StanzaError} feature-not-implemented for another order, bad-request
 */
export function readOrder(request: Element, usual: Order): Order {
  const order = request.getChild('order', NS_ORDER);
  if (order === undefined) return usual;
  const { by, desc = 'false' } = order.attrs as { by?: string; desc?: string };
  if (by !== 'creation' && by !== 'modification')
    throw new StanzaError('feature-not-implemented', 'there is an order by creation, and one by modification');
  if (!/^(?:0|1|false|true)$/.test(desc)) throw new StanzaError('bad-request', 'desc must be true or false');
  return { by, isDescending: desc === '1' || desc === 'true' };
}
