/** The peer lets us in: by our certificate (SASL EXTERNAL, XEP-0178), else by dialback (XEP-0220). */
import type { Allowances } from '../../../lib/runtime/allowance.ts';
import { escapeAttribute, escapeText } from '../../../lib/xmpp/element.ts';
import { federationLimits } from '../limits.ts';
import { LinkClosed } from './link.ts';
import { greet, needsCertificate } from './opening.ts';
import { NS_DIALBACK, type OutgoingStream } from './outgoing.ts';
import { dialbackCondition, PeerRefusal } from './refusal.ts';
import { takenBytes } from './stream-limits.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';

/**
 * Resolves when the stream may carry stanzas.
 * @param allowances what the peer may send on it (XEP-0288); undefined: it may not
 * @throws {PeerRefusal | LinkClosed | StreamError | Unavailable}
 */
export async function authenticate(stream: OutgoingStream, allowances?: Allowances): Promise<void> {
  const { clock } = stream.dependencies;
  const timer = clock.after(federationLimits.authenticateMs, () => stream.link.destroy('is too slow to let us in'));
  try {
    if (allowances !== undefined) stream.askBidirectional(allowances);
    if (!(await byCertificate(stream))) {
      if (await needsCertificate(stream.dependencies, stream.pair))
        throw new PeerRefusal('policy-violation', 'it does not take our certificate, and dialback is not allowed here');
      await byDialback(stream);
    }
    await stream.enableAcks();
  } finally {
    timer.cancel();
  }
}

/** @returns false: the peer does not take it */
async function byCertificate(stream: OutgoingStream): Promise<boolean> {
  const mechanisms = stream.features.child('mechanisms', NS_SASL)?.getChildren('mechanism') ?? [];
  if (!mechanisms.some((mechanism) => mechanism.getText() === 'EXTERNAL')) return false;
  await stream.beginRestart();
  const identity = Buffer.from(stream.pair.host).toString('base64');
  stream.link.write(`<auth xmlns='${NS_SASL}' mechanism='EXTERNAL'>${identity}</auth>`);
  const answer = await stream.next();
  if (answer.ns !== NS_SASL || answer.name !== 'success') {
    stream.endRestart();
    return false;
  }
  stream.link.restart();
  const { streamId, features } = await greet(stream.pair, stream.link);
  stream.streamId = streamId;
  stream.features = features;
  stream.bytesMax = takenBytes(features);
  stream.way = 'certificate';
  stream.endRestart();
  return true;
}

async function byDialback(stream: OutgoingStream): Promise<void> {
  const { pair, streamId, dependencies } = stream;
  const { host, peer } = pair;
  const key = await dependencies.dialback.keyFor(pair, streamId);
  stream.link.write(`<db:result from='${escapeAttribute(host)}' to='${escapeAttribute(peer)}'>${escapeText(key)}</db:result>`);
  for (;;) {
    const answer = await stream.next();
    const { from, to, type } = answer.attributes;
    if (answer.ns !== NS_DIALBACK || answer.name !== 'result') continue; // a late failure of SASL, features
    if (from !== peer || to !== host) throw new LinkClosed('it answers for another pair of domains');
    if (type === 'valid') break;
    const condition = type === 'error' ? dialbackCondition(answer) : 'not-authorized';
    throw new PeerRefusal(condition, `it does not believe that we are ${host} (dialback: ${type ?? 'no type'}, ${condition})`);
  }
  stream.way = 'dialback';
}
