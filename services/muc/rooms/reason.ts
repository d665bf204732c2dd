/** The `<reason/>` of a kick, ban, invitation or refusal: text for people, cut to a bound. */

import type { Element } from '../../../lib/xmpp/element.ts';
import { roomLimits } from '../limits.ts';

export function readReason(parent: Element): string | undefined {
  const text = parent.getChild('reason')?.getText().trim() ?? '';
  return text === '' ? undefined : text.slice(0, roomLimits.reasonCharactersMax);
}
