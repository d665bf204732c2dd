/** `<reason/>` of a kick, ban, invitation or refusal: text for people, cut to a bound. */
import { limits } from '../../../lib/limits.ts';
import type { Element } from '../../../lib/xmpp/element.ts';

export function readReason(parent: Element): string | undefined {
  const text = parent.getChild('reason')?.getText().trim() ?? '';
  return text === '' ? undefined : text.slice(0, limits.roomReasonCharactersMax);
}
