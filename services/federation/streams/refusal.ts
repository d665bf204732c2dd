/** What another server refuses us with: a stream error (RFC 6120 §4.9), a failure of SASL (§6.5), or an answer of dialback (XEP-0220 §2.5). */
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { federationLimits } from '../limits.ts';

const NS_STREAM_ERRORS = 'urn:ietf:params:xml:ns:xmpp-streams';
const NS_STANZA_ERRORS = 'urn:ietf:params:xml:ns:xmpp-stanzas';

export class PeerRefusal extends Error {
  override name = 'PeerRefusal';
  readonly condition: string;

  /** @param text for people */
  constructor(condition: string, text: string) {
    super(text);
    this.condition = condition;
  }

  /** The peer says that it does not serve the domain: nothing will come of trying again. */
  get isNoSuchDomain(): boolean {
    return this.condition === 'host-unknown' || this.condition === 'host-gone';
  }
}

export function isStreamError({ ns, name }: Stanza): boolean {
  return ns === NS_STREAM && name === 'error';
}

export function streamRefusal(error: Stanza): PeerRefusal {
  const condition =
    error.children.find(({ ns, name }) => ns === NS_STREAM_ERRORS && name !== 'text')?.name ?? 'undefined-condition';
  const text = error.child('text', NS_STREAM_ERRORS)?.getText().slice(0, federationLimits.peerTextCharactersMax);
  return new PeerRefusal(condition, `it ends the stream with ${condition}${text ? ` (${text})` : ''}`);
}

/** @param answer `<db:result type='error'>` or `<db:verify type='error'>` */
export function dialbackCondition(answer: Stanza): string {
  const error = answer.children.find(({ name }) => name === 'error');
  const conditions = error === undefined ? [] : answer.elementOf(error).getChildElements();
  return conditions.find(({ attrs }) => attrs.xmlns === NS_STANZA_ERRORS)?.getName() ?? 'undefined-condition';
}
