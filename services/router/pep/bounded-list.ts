/** Lists of nodes and items that are sent in one answer. */
import type { Element } from '../../../lib/xmpp/element.ts';
import { routerLimits } from '../limits.ts';

/** Keeps the first items if not all of them fit into one answer, because names may be long. */
export function inBounds(items: readonly Element[]): readonly Element[] {
  let bytes = 0;
  const end = items.findIndex((item) => {
    bytes += Buffer.byteLength(item.toString());
    return bytes > routerLimits.pepNodeBytesMax;
  });
  return end < 0 ? items : items.slice(0, end);
}
