/** Checks that messages arrive: one to the account itself (RFC 6121 §8.5.3), and one in a room that is made for it (XEP-0045). */
import { randomBytes } from 'node:crypto';
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Patient } from './client-check.ts';
import { shown } from './findings.ts';
import { BadPeer, type PeerStream } from './peer-stream.ts';
import { whyOf } from './reasons.ts';
import { ask, next } from './stanzas.ts';

const NS_HINTS = 'urn:xmpp:hints';
const NS_MUC = 'http://jabber.org/protocol/muc';
const NS_OWNER = `${NS_MUC}#owner`;
const body = '<body>skylark doctor: is anybody there?</body>';
const randomText = () => randomBytes(8).toString('hex');

/** @param isKept false: the message is left out of archives and copies (XEP-0334) */
export async function checkMessage(stream: PeerStream, jid: string, isKept: boolean, { findings }: Patient): Promise<void> {
  const id = `message-${randomText()}`;
  const hints = isKept ? '' : `<no-store xmlns='${NS_HINTS}'/><no-copy xmlns='${NS_HINTS}'/>`;
  const began = performance.now();
  stream.send(`<message type='chat' id='${id}' to='${escapeAttribute(jid)}'>${body}${hints}</message>`);
  const came = await next(stream, 'the message to itself', ({ name, attributes }) => name === 'message' && attributes.id === id);
  if (came.type === 'error') throw new BadPeer('a message to the account itself comes back with an error');
  findings.ok(shown(jid), `a message arrives after ${Math.round(performance.now() - began)} ms`);
}

/** The room ends when its only occupant leaves. An account may be refused rooms of its own, which is a warning. */
export async function checkRoom(stream: PeerStream, host: string, { findings }: Patient): Promise<void> {
  const room = `doctor-${randomText()}@${host}`;
  const occupant = `${room}/doctor`;
  const address = escapeAttribute(occupant);
  const began = performance.now();
  try {
    stream.send(`<presence to='${address}'><x xmlns='${NS_MUC}'/></presence>`);
    const entered = await next(
      stream,
      'the presence of a room',
      ({ name, attributes }) => name === 'presence' && `${attributes.from}`.startsWith(room),
    );
    if (entered.type === 'error') {
      findings.warn(shown(host), 'the account may not make a room', 'if it should: look at what its operator allows');
      return;
    }
    await ask(stream, 'room', 'set', room, `<query xmlns='${NS_OWNER}'><x xmlns='jabber:x:data' type='submit'/></query>`);
    const id = `room-${randomText()}`;
    stream.send(`<message type='groupchat' id='${id}' to='${escapeAttribute(room)}'>${body}</message>`);
    const said = await next(
      stream,
      'the message in a room',
      ({ name, attributes }) => name === 'message' && attributes.id === id,
    );
    if (said.type !== 'groupchat') throw new BadPeer('a message in a room comes back with an error');
    stream.send(`<presence type='unavailable' to='${address}'/>`);
    findings.ok(shown(host), `a room passes a message on after ${Math.round(performance.now() - began)} ms`);
  } catch (error) {
    findings.fail(shown(host), ...whyOf(error));
  }
}
