/** Which sockets go on to a handshake or a stream: nothing that a peer has sent is read before. */
import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import type { Clock } from '../../../lib/ports/clock.ts';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import type { Admission } from '../door/admission.ts';
import type { Accept } from '../door/listen.ts';
import { refuseSocket } from './refuse-socket.ts';

interface Host {
  readonly admission: Admission;
  readonly clock: Clock;
  readonly log: Logger;
}

export function doorGate({ admission, clock, log }: Host, peers: PeerAddresses): Accept['gate'] {
  const wait = async (socket: Socket, isPlain: boolean, mayConnect: Promise<boolean> | boolean): Promise<boolean> => {
    if (await mayConnect) return true;
    log.debug({ address: peers.of(socket) }, 'too many sockets at once');
    if (isPlain) refuseSocket(socket, clock.randomBytes(12).toString('base64url'));
    else socket.destroy();
    return false;
  };
  return (socket, isPlain) => {
    const mayConnect = admission.mayConnect(peers.of(socket), (gone) => socket.once('close', gone));
    return mayConnect === true || wait(socket, isPlain, mayConnect);
  };
}
