/** Says what a connection's error means, and what the operator should do about it. */
import { TooSlow } from './deadline.ts';
import { shown } from './findings.ts';
import { BadPeer } from './peer-stream.ts';

const byCode: Readonly<Record<string, readonly [text: string, advice: string]>> = {
  ECONNREFUSED: ['the connection is refused: nothing listens there', 'start the service, or correct the port in the SRV record'],
  ECONNRESET: ['the connection is cut off', 'look at the log of the server, and at load balancers and firewalls before it'],
  EHOSTUNREACH: ['there is no way to that address', 'check the address, and the network from here'],
  ENETUNREACH: ['there is no way to that address from here', 'check the address; without IPv6 here, IPv6 cannot be checked'],
  ETIMEDOUT: ['nobody answers', 'open the port in the firewall or security group'],
  EPROTO: ['it does not speak TLS', 'correct the port in the SRV record: one is for STARTTLS, the other for direct TLS'],
};

/** @throws the error itself when neither the peer nor the network has caused it */
export function whyOf(error: unknown): readonly [text: string, advice: string] {
  if (error instanceof BadPeer) return [error.message, 'look at the log of the server; is this an XMPP server for this domain?'];
  if (error instanceof TooSlow)
    return [error.message, 'open the port in the firewall or security group, or see what keeps the server busy'];
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  if (code.startsWith('ERR_SSL_')) return [`TLS fails: ${shown(message)}`, byCode.EPROTO![1]];
  return byCode[code] ?? [shown(message), 'see whether the same works from another network'];
}
