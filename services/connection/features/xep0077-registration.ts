/** XEP-0077 and XEP-0445 before sign-in. The requests go to a router, which advertises them where the tenant allows it. */
import { StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { FeatureStream, StreamFeature } from '../core/stream-feature.ts';
import { finishAnswer } from '../session/router-link.ts';

export const registration: StreamFeature = {
  requires: ['secure'],
  forbids: ['authenticating', 'signedIn'],
  elements: [
    { ns: 'jabber:client', name: 'iq', child: { ns: 'jabber:iq:register', name: 'query' }, handle: passOn },
    { ns: 'jabber:client', name: 'iq', child: { ns: 'urn:xmpp:pars:0', name: 'preauth' }, handle: passOn },
  ],
};

async function passOn(iq: Stanza, stream: FeatureStream): Promise<void> {
  if (!stream.isSecure) throw new StreamError('not-authorized', 'sign in first'); // a WebSocket without TLS
  const body = iq.declaresNothing ? iq.bytes : iq.render(iq.attributes);
  const answer = await stream.ask({ kind: 'stanza', id: stream.host.ids.mint(), body: true }, [body]);
  if (!stream.isOpen) return;
  if (answer === undefined) throw new StreamError('resource-constraint', 'the service is not ready');
  for (const bytes of answer.reply.bodies) stream.sendStanza(bytes);
  finishAnswer(stream.host.log, answer, stream.sid);
}
