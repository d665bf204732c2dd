/** Strips what only servers say (marks.ts), then runs the `amend` stage: one rendering, whatever the number of features. */

import type { Element } from '../../../lib/xmpp/element.ts';
import type { Appended, ChildSpan, Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Account } from './account.ts';
import type { Amendment, Drop } from './feature.ts';
import { forgedFrom, forgedTo } from './marks.ts';
import { inOrder } from './stages.ts';

type Attributes = Readonly<Record<string, string | undefined>>;

class Amending implements Amendment {
  readonly #stanza: Stanza;
  #dropped: Set<ChildSpan> | undefined;
  #appended: Appended[] | undefined;

  constructor(stanza: Stanza) {
    this.#stanza = stanza;
  }

  strip(drop: Drop): void {
    for (const child of this.#stanza.children) {
      if (!drop(child)) continue;
      this.#dropped ??= new Set();
      this.#dropped.add(child);
    }
  }

  append(child: Element): void {
    this.#appended ??= [];
    this.#appended.push({ name: child.name, ns: child.attrs.xmlns ?? 'jabber:client', text: child.toString() });
  }

  render(attributes: Attributes): Stanza {
    return this.#stanza.amended(attributes, this.#dropped, this.#appended);
  }
}

/** The stanza with these attributes, with what the features strip and append. */
export function amend(
  direction: 'inbound' | 'outbound',
  stanza: Stanza,
  account: Account,
  id: string,
  attributes: Attributes,
): Promise<Stanza> | Stanza {
  const amending = new Amending(stanza);
  amending.strip(direction === 'outbound' ? forgedFrom(account, stanza) : forgedTo(account, stanza));
  const stages = account.turn.dependencies.features.stage(direction, 'amend');
  const pending = inOrder(stages, (stage) => stage(stanza, account, amending, id));
  return pending === undefined ? amending.render(attributes) : pending.then(() => amending.render(attributes));
}
