/**
 * XEP-0509: Initial Authentication Pipelining. The features before sign-in have a version, by which a client that has seen them before sends
 * `<authenticate/>` together with its stream header. Where they have changed since, it is refused without prejudice, and asks for what is better.
 *
 * The version is a hash of the features as the client is told them: it follows the account in `from`, the tenant and TLS.
 */
import { createHash } from 'node:crypto';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_SASL2 } from '../core/feature-list.ts';
import type { FeatureStream, StreamFeature } from '../core/stream-feature.ts';

const NS = 'urn:xmpp:iap:0';
const failure = `<failure xmlns='${NS_SASL2}'><aborted xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/><config-version-mismatch xmlns='${NS}'/><text xml:lang='en'>the features have changed</text></failure>`;

interface Told {
  readonly version: string;
  /** One attempt was refused without prejudice. Only what is sent before the features are read can be wrong in good faith. */
  isForgiven: boolean;
}

const told = new WeakMap<FeatureStream, Told>();

/** The last of all features: it is the version of the others. */
export const pipelining: StreamFeature = {
  specs: [
    {
      spec: 'XEP-0509',
      version: '0.2.0',
      title: 'Initial Authentication Pipelining',
      note: 'Of clients. Each stream has one attempt that does not count as a failure.',
    },
  ],
  requires: ['secure'],
  forbids: ['authenticating', 'signedIn'],
  advertise: announce,
  guard: check,
};

function announce(stream: FeatureStream, others: string): string {
  const version = createHash('sha256').update(others).digest('base64');
  told.set(stream, { version, isForgiven: false });
  return `<config-version xmlns='${NS}' scheme='opaque' value='${escapeAttribute(version)}'/>`;
}

/** §2.2: the same value matches, whatever the scheme. */
function check(request: Stanza, stream: FeatureStream): boolean {
  const claimed = request.child('config-version', NS);
  const known = told.get(stream);
  if (claimed === undefined || known === undefined || claimed.attrs.value === known.version) return true;
  if (known.isForgiven) stream.signInFailed(failure);
  else stream.sendElement(failure);
  known.isForgiven = true;
  return false;
}
