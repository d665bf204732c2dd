/**
 * What an app server is told of the last message (XEP-0357 §7.1), where the tenant's policy lets it: who has written it, or its text as well. A
 * text beside an encrypted one is for clients that cannot read it, and says nothing, so it is left out.
 */
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { isEncrypted } from '../../../lib/xmpp/rings.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { routerLimits } from '../limits.ts';

export interface LastMessage {
  readonly sender: string;
  readonly body?: string | undefined;
}

type WithPolicy = Pick<Tenant, 'policy'>;

/** @returns undefined where nothing of it may be told, or there is none */
export function lastMessage({ policy }: WithPolicy, stanza: Stanza | undefined): LastMessage | undefined {
  if (stanza?.from === undefined || policy.pushSummary === 'counts') return undefined;
  const body = policy.pushSummary === 'body' && !isEncrypted(stanza) ? stanza.body : undefined;
  return { sender: stanza.from.toString(), body: body && shorten(body) };
}

/** What may be told now: the policy may have changed since the message was kept. @returns fields of the form */
export function fieldsOf({ policy }: WithPolicy, last: LastMessage | undefined): readonly (readonly [string, string])[] {
  if (last === undefined || policy.pushSummary === 'counts') return [];
  const { sender, body } = last;
  const isTold = policy.pushSummary === 'body' && body !== undefined;
  return [['last-message-sender', sender], ...(isTold ? [['last-message-body', body] as const] : [])];
}

/** Counted in characters, so that none is cut in two. */
function shorten(body: string): string {
  const characters = [...body.slice(0, 2 * routerLimits.pushBodyCharactersMax)];
  const max = routerLimits.pushBodyCharactersMax;
  return characters.length <= max && body.length <= 2 * max ? body : `${characters.slice(0, max - 1).join('')}…`;
}
