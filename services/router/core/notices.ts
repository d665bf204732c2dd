/** Messages that a tenant's domain sends to its accounts in the name of its operators. */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { xml } from '../../../lib/xmpp/element.ts';
import type { Jid } from '../../../lib/xmpp/jid.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';

export interface Notice {
  readonly id: string;
  /** RFC 6121 §5.2.2: a headline is for whoever is there; the others wait. */
  readonly type: 'normal' | 'chat' | 'headline';
  readonly subject?: string | undefined;
  readonly text: string;
}

export function noticeOf({ domain }: Pick<Tenant, 'domain'>, to: Jid, { id, type, subject, text }: Notice): Stanza {
  const message = xml(
    'message',
    { from: domain, to: `${to}`, type, id },
    subject === undefined ? undefined : xml('subject', {}, subject),
    xml('body', {}, text),
  );
  return Stanza.parse(Buffer.from(`${message}`));
}
