/**
 * XEP-0388: Extensible SASL Profile. The elements go to a router, as those of RFC 6120 do. What else the client has asked for in
 * `<authenticate/>` is handled when it has signed in, and answered inside of `<success/>`. The stream does not open again.
 */
import { escapeText } from '../../../lib/xmpp/element.ts';
import { SaslFailure, StreamError } from '../../../lib/xmpp/errors.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { NS_SASL2 as NS } from '../core/feature-list.ts';
import type { FeatureStream, SignedIn, StreamFeature, StreamStates } from '../core/stream-feature.ts';
import { finishAnswer } from '../session/router-link.ts';

/** §2.4: between `<authenticate/>` and the outcome, only these elements may come. */
const underWay: StreamStates = { requires: ['secure', 'authenticating'] };

export const sasl2: StreamFeature = {
  specs: [
    {
      spec: 'XEP-0388',
      version: '1.0.4',
      title: 'Extensible SASL Profile',
      note: 'Offered beside SASL of RFC 6120. The only tasks are the upgrades of XEP-0480.',
    },
  ],
  requires: ['secure'],
  forbids: ['authenticating', 'signedIn'],
  elements: [
    { ns: NS, name: 'authenticate', handle: begin },
    ...['response', 'abort', 'next', 'task-data'].map((name) => ({ ns: NS, name, states: underWay, handle: exchange })),
  ],
};

/** `<authenticate/>` of the exchange that is under way on each stream. */
const requests = new WeakMap<FeatureStream, Stanza>();

function begin(element: Stanza, stream: FeatureStream): Promise<void> | undefined {
  const refusal = refuse(element, stream);
  if (refusal !== undefined) {
    stream.signInFailed(refusal.toElement(NS).toString());
    return undefined;
  }
  if (!stream.host.features.guards.every((guard) => guard(element, stream))) return undefined;
  if (/-(?:PLUS|EXPR|ENDP)$/.test(element.attributes.mechanism ?? '')) stream.bindToTls();
  requests.set(stream, element);
  stream.isAuthenticating = true;
  return exchange(element, stream);
}

function refuse(element: Stanza, stream: FeatureStream): SaslFailure | undefined {
  if (element.isPrefixed) throw new StreamError('bad-namespace-prefix', 'SASL elements must not have a prefix');
  if (!stream.isSecure) return new SaslFailure('encryption-required'); // a WebSocket without TLS
  const isTwice = stream.host.features.inline.some(({ ns, name }) => element.children.filter(isOf(ns, name)).length > 1);
  return isTwice ? new SaslFailure('malformed-request', 'each part of <authenticate/> may come once') : undefined;
}

function isOf(ns: string, name: string): (child: { readonly ns: string; readonly name: string }) => boolean {
  return (child) => child.ns === ns && child.name === name;
}

async function exchange(element: Stanza, stream: FeatureStream): Promise<void> {
  if (element.isPrefixed) throw new StreamError('bad-namespace-prefix', 'SASL elements must not have a prefix');
  const answer = await stream.ask(
    { kind: 'sasl', binding: stream.binding, tls: stream.tlsVersion, chain: stream.chain, body: true },
    [element.bytes],
  );
  if (!stream.isOpen) return;
  if (answer === undefined) {
    stream.isAuthenticating = false;
    stream.signInFailed(new SaslFailure('temporary-auth-failure').toElement(NS).toString());
    return;
  }
  const [account, features = ''] = [answer.reply.take('account'), answer.reply.take('features')];
  const endsInMs = answer.reply.take('endsInMs');
  const text = answer.reply.bodies.join('');
  if (account === undefined) {
    stream.isAuthenticating = !text.startsWith('<failure');
    stream.sendElement(text);
  }
  finishAnswer(stream.host.log, answer, stream.sid);
  if (account !== undefined) await succeed(stream, { account, endsInMs, features, text });
}

interface Success extends SignedIn {
  readonly features: string;
  /** What a router has to say inside of `<success/>`. */
  readonly text: string;
}

/** §2.6.1: handles the other parts of `<authenticate/>`, and tells the client. */
async function succeed(stream: FeatureStream, { features, text, ...signedIn }: Success): Promise<void> {
  const request = requests.get(stream)!;
  stream.goOnAs(signedIn);
  let said = text;
  const finish = (isResumed: boolean): void => {
    if (!stream.isOpen) return;
    const { jid } = stream.session!;
    const identifier = escapeText(`${jid ?? signedIn.account}`);
    const inside = `<authorization-identifier>${identifier}</authorization-identifier>${said}`;
    stream.sendElement(`<success xmlns='${NS}'>${inside}</success>`);
    if (!isResumed && jid === undefined) stream.sendFeatures(features); // who has bound, sends those of a bound stream
  };
  const parts = stream.host.features.inline.flatMap((feature) => {
    const part = request.child(feature.name, feature.ns);
    return part ? [{ feature, part }] : [];
  });
  for (const [index, { feature, part }] of parts.entries()) {
    let isOver = false;
    await feature.handle(part, stream, (answer, isResumed = false) => {
      said += answer;
      isOver = isResumed;
      if (isResumed || index === parts.length - 1) finish(isResumed);
    });
    if (isOver || !stream.isOpen) return;
  }
  if (parts.length === 0) finish(false);
}
