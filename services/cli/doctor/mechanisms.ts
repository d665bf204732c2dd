/** Checks the SASL mechanisms and channel bindings that a server offers (RFC 6120 §6, RFC 5802, XEP-0440). */
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { type Findings, shown } from './findings.ts';

export const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_BINDING = 'urn:xmpp:sasl-cb:0';

export function mechanismsOf(features: Stanza): string[] {
  const list = features.child('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
  return list.map((mechanism) => mechanism.getText().trim());
}

/** Checks the features of a stream over TLS; before TLS nothing should be offered. */
export function checkMechanisms(subject: string, features: Stanza, findings: Findings): void {
  const mechanisms = mechanismsOf(features);
  if (mechanisms.length === 0) {
    findings.fail(subject, 'no way to sign in is offered behind TLS', 'look at the log of the server: is the domain a tenant?');
    return;
  }
  const list = shown(mechanisms.join(', '));
  if (!mechanisms.some((name) => name.startsWith('SCRAM-')))
    findings.warn(subject, `signing in without SCRAM: ${list}`, 'enable SCRAM-SHA-256, so that clients need not send passwords');
  else findings.ok(subject, `signing in with ${list}`);
  if (!mechanisms.some((name) => name.endsWith('-PLUS'))) {
    findings.warn(
      subject,
      'no mechanism with channel binding (-PLUS)',
      'enable it, so that nobody can sit in the middle unnoticed',
    );
    return;
  }
  const types = (features.child('sasl-channel-binding', NS_BINDING)?.getChildren('channel-binding') ?? []).map(
    ({ attrs }) => attrs.type ?? '',
  );
  if (types.length > 0) findings.ok(subject, `channel binding is announced: ${shown(types.join(', '))}`);
  else
    findings.warn(
      subject,
      'channel binding is offered, but not which types (XEP-0440)',
      'clients have to guess; announce the types',
    );
}
