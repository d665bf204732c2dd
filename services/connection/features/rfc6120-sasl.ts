/**
 * SASL (RFC 6120 §6). The elements go to a router, which knows the credentials and advertises the mechanisms, and its answers
 * come back.
 */
import { SaslFailure, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { FeatureStream, StreamFeature } from '../core/stream-feature.ts';
import { finishAnswer } from '../session/router-link.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-sasl';

export const sasl: StreamFeature = {
  forbids: ['authenticating', 'signedIn'],
  elements: ['auth', 'response', 'abort'].map((name) => ({ ns: NS, name, handle: passOn })),
};

function passOn(element: Stanza, stream: FeatureStream): Promise<void> | undefined {
  if (element.isPrefixed) throw new StreamError('bad-namespace-prefix', 'SASL elements must not have a prefix');
  if (element.attributes.mechanism?.endsWith('-PLUS')) stream.bindToTls();
  if (stream.isSecure) return exchange(element, stream);
  stream.signInFailed(new SaslFailure('encryption-required').toElement().toString());
  return undefined;
}

async function exchange(element: Stanza, stream: FeatureStream): Promise<void> {
  const answer = await stream.ask({ kind: 'sasl', binding: stream.binding, chain: stream.chain, body: true }, [element.bytes]);
  if (!stream.isOpen) return;
  if (answer === undefined) {
    stream.signInFailed(new SaslFailure('temporary-auth-failure').toElement().toString());
    return;
  }
  const [account, features] = [answer.reply.take('account'), answer.reply.take('features')];
  const endsInMs = answer.reply.take('endsInMs');
  for (const body of answer.reply.bodies) stream.sendElement(body.toString());
  finishAnswer(stream.host.log, answer, stream.sid);
  if (account !== undefined) stream.signedIn({ account, endsInMs }, features);
}
