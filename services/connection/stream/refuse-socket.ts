/** What a socket is told that is not let in. */
import type { Socket } from 'node:net';
import { StreamError } from '../../../lib/xmpp/errors.ts';
import { tcpFraming } from './framing.ts';

/** RFC 6120 §4.9.3.14: it gets no stream of its own, so it costs only these bytes. */
export function refuseSocket(socket: Socket, id: string): void {
  const error = new StreamError('policy-violation', 'too many connections from this address, or at once; try again later');
  const header = tcpFraming.header({ id, from: '', to: undefined });
  socket.end(`${header}${tcpFraming.error(error)}${tcpFraming.closing}`);
  socket.destroySoon();
}
