/** Upgrades HTTP connections to WebSockets (RFC 7395 §3.1): subprotocol `xmpp`, no compression. */
import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { type WebSocket, WebSocketServer } from 'ws';
import type { PeerAddresses } from '../../../lib/runtime/peer-addresses.ts';
import type { ChannelBinding } from '../../../lib/runtime/wire.ts';
import { peerChain } from '../../../lib/s2s/proof.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import { channelBinding, shownCertificate, tlsVersion } from './channel-binding.ts';
import type { TlsSource } from './tls.ts';

const subprotocol = 'xmpp';

/** Where a WebSocket came from. */
export interface WebSocketPeer {
  readonly address: string;
  /** True when TLS reaches this process, or the peer is on this machine: then it is a proxy. */
  readonly isSecure: boolean;
  readonly binding: ChannelBinding;
  /** The version of TLS, if TLS reaches this process, as channel-binding.ts tells it. */
  readonly tlsVersion?: string | undefined;
  /** {@link Transport.chain} */
  readonly chain?: readonly Buffer[];
  /** The socket below the WebSocket. It tells how much of an incomplete message has arrived. */
  readonly raw?: Duplex;
}

export interface WebSocketUpgrades {
  stop(): void;
}

/** Takes upgrades of `path` on a server. Upgrades of other paths are left alone. */
export function serveWebSocket(
  server: Server,
  path: string,
  peers: PeerAddresses,
  tls: TlsSource,
  accept: (socket: WebSocket, peer: WebSocketPeer) => void,
): WebSocketUpgrades {
  const upgrades = new WebSocketServer({
    noServer: true,
    // There is room to read a message that is a little too long, so that the stream can say why it ends. Beyond that, the
    // WebSocket closes (RFC 6455 §7.4.1).
    maxPayload: 2 * xmppLimits.stanzaBytesMax,
    perMessageDeflate: false,
    handleProtocols: () => subprotocol,
  });
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if ((request.url ?? '').split('?', 1)[0] !== path) return;
    socket.on('error', () => {}); // nobody else listens until the handshake is done
    if (!offersXmpp(request)) {
      socket.end('HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    upgrades.handleUpgrade(request, socket, head, (accepted) =>
      accept(accepted, { ...peerOf(request, peers, tls), chain: chainOf(request), raw: socket }),
    );
  };
  server.on('upgrade', onUpgrade);
  return { stop: () => void server.removeListener('upgrade', onUpgrade) };
}

function offersXmpp(request: IncomingMessage): boolean {
  const offered = request.headers['sec-websocket-protocol'] ?? '';
  return offered.split(',').some((protocol) => protocol.trim() === subprotocol);
}

/**
 * The certificates that the client has shown for this request. A browser shows them for pages of anybody who has it connect to us, so they
 * count only for our own pages, and where there is no page: EXTERNAL has no other secret.
 */
export function chainOf({ socket, headers: { origin, host } }: IncomingMessage): readonly Buffer[] {
  const isOwn = origin === undefined || (host !== undefined && origin.toLowerCase() === `https://${host.toLowerCase()}`);
  return isOwn && socket instanceof TLSSocket ? peerChain(socket) : [];
}

export function peerOf({ socket }: IncomingMessage, peers: PeerAddresses, tls: TlsSource): WebSocketPeer {
  const address = peers.of(socket);
  if (socket instanceof TLSSocket) {
    const binding = channelBinding(socket, shownCertificate(socket, tls));
    return { address, isSecure: true, binding, tlsVersion: tlsVersion(socket) };
  }
  return { address, isSecure: /^(?:::ffff:)?127\.|^::1$/.test(address), binding: {} };
}
