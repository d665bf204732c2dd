/** Runs the `amend` stage: one rendering, whatever the number of features. */
import { Stanza } from '../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { Amendment, Drop } from './feature.ts';

/** The stanza with these attributes, with what the features strip and append. */
export function amend(
  direction: 'inbound' | 'outbound',
  stanza: Stanza,
  account: Account,
  id: string,
  attributes: Readonly<Record<string, string | undefined>>,
): Stanza {
  const drops: Drop[] = [];
  const appended: string[] = [];
  const amendment: Amendment = {
    strip: (drop) => void drops.push(drop),
    append: (child) => void appended.push(child.toString()),
  };
  for (const stage of account.turn.parts.features.stage(direction, 'amend')) stage(stanza, account, amendment, id);
  const drop: Drop | undefined = drops.length > 0 ? (child) => drops.some((test) => test(child)) : undefined;
  return Stanza.parse(stanza.render(attributes, { drop, append: appended }));
}
