/** The order of a room's archive ids, which is the order of its messages whatever the clocks of its workers say. */
import { idDigits } from '../../../lib/runtime/ids.ts';

/** The id that was minted, or, where another worker's clock was ahead, the one that comes next after the last. */
export function idBehind(last: string, minted: string): string {
  return minted > last ? minted : successor(last);
}

/** The next text of the same length in the alphabet of ids. */
export function successor(id: string): string {
  for (let at = id.length - 1; at >= 0; at--) {
    const next = idDigits[idDigits.indexOf(id[at]!) + 1];
    if (next !== undefined) return id.slice(0, at) + next + idDigits[0]!.repeat(id.length - at - 1);
  }
  return `${id}${idDigits[0]}`;
}
