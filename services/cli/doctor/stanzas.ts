/** Waits for one stanza among those that a server sends. */
import { escapeAttribute } from '../../../lib/xmpp/element.ts';
import type { Stanza } from '../../../lib/xmpp/stanza.ts';
import { programLimits } from '../limits.ts';
import { shown } from './findings.ts';
import { BadPeer, type PeerStream } from './peer-stream.ts';

/** Skips a bounded number of other stanzas. @throws {BadPeer | TooSlow} */
export async function next(stream: PeerStream, what: string, isIt: (stanza: Stanza) => boolean): Promise<Stanza> {
  for (let others = 0; others < programLimits.doctorOtherStanzasMax; others++) {
    const stanza = await stream.read(what);
    if (isIt(stanza)) return stanza;
  }
  throw new BadPeer('the server sends other things without end');
}

/** Sends an iq and reads its result. @throws {BadPeer | TooSlow} also when the answer is an error */
export async function ask(
  stream: PeerStream,
  id: string,
  type: 'get' | 'set',
  to: string | undefined,
  child: string,
): Promise<Stanza> {
  const address = to === undefined ? '' : ` to='${escapeAttribute(to)}'`;
  stream.send(`<iq type='${type}' id='${id}'${address}>${child}</iq>`);
  const answer = await next(
    stream,
    `the answer of ${to ?? 'the server'}`,
    ({ name, attributes }) => name === 'iq' && attributes.id === id,
  );
  if (answer.type === 'result') return answer;
  throw new BadPeer(`${shown(to ?? 'the server')} answers with an error`);
}
