/** TLS on a connection to another server: as RFC 7590 has it, with our certificate for the domain that the stream is from. */
import { isIP } from 'node:net';
import { connect, type SecureContextOptions } from 'node:tls';
import { peerChain } from '../../../lib/s2s/proof.ts';
import { asciiDomain } from '../../../lib/xmpp/idna.ts';
import type { Encrypt } from '../core/dependencies.ts';
import { LinkClosed } from './link.ts';

/**
 * Whoever answers is let in here. What its certificate proves is looked at afterwards.
 *
 * @param certificateOf the key and chain that are shown for one of our domains; undefined when there is none, and dialback has to do
 */
export function tlsWith(certificateOf: (host: string) => Promise<SecureContextOptions | undefined>): Encrypt {
  return async ({ host, peer }, socket, isDirect) => {
    const name = asciiDomain(peer);
    const identity = await certificateOf(host);
    const tls = connect({
      ...(identity && { key: identity.key, cert: identity.cert }),
      socket,
      minVersion: 'TLSv1.2',
      rejectUnauthorized: false,
      checkServerIdentity: () => undefined,
      ...(name !== undefined && isIP(name) === 0 && { servername: name }),
      ...(isDirect && { ALPNProtocols: ['xmpp-server'] }),
    });
    await new Promise<void>((resolve, reject) => {
      tls.once('secureConnect', () => resolve());
      tls.once('error', ({ message }) => reject(new Error(`TLS: ${message}`)));
      tls.once('close', () => reject(new LinkClosed('closes the connection in the TLS handshake')));
    });
    return { socket: tls, chain: peerChain(tls) };
  };
}
