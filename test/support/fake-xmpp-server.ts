/** Servers, for clients and for other servers, that do things no server should: what they say is up to the test. */
import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, TLSSocket } from 'node:tls';
import type { Identity } from './authority.ts';

const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
export const NS_TLS = 'urn:ietf:params:xml:ns:xmpp-tls';

export function header(domain: string, content = 'jabber:client'): string {
  return `<?xml version='1.0'?><stream:stream from='${domain}' id='1' version='1.0' xmlns='${content}' xmlns:stream='http://etherx.jabber.org/streams'>`;
}

/** To a client as to a client, to a server as to a server. */
function headerFor(opening: Buffer, domain: string): string {
  return header(domain, opening.includes('jabber:server') ? 'jabber:server' : 'jabber:client');
}

export function features(inside = ''): string {
  return `<stream:features>${inside}</stream:features>`;
}

export function mechanisms(...names: readonly string[]): string {
  return `<mechanisms xmlns='${NS_SASL}'>${names.map((name) => `<mechanism>${name}</mechanism>`).join('')}</mechanisms>`;
}

export const startTlsFeature = `<starttls xmlns='${NS_TLS}'><required/></starttls>`;

export interface FakeServer {
  readonly port: number;
  close(): void;
}

/** @param play what to do with each connection */
export async function startFake(play: (socket: Socket) => void, identity?: Identity): Promise<FakeServer> {
  const sockets = new Set<Socket>();
  const accept = (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    play(socket);
  };
  const server: Server =
    identity === undefined
      ? createServer(accept)
      : createTlsServer({ ...identity, ALPNProtocols: ['xmpp-client', 'xmpp-server'] }, accept);
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as { port: number }).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Answers each stream header with these, in turn; the last one again and again. */
export function answering(domain: string, ...answers: readonly string[]): (socket: Socket) => void {
  return (socket) => {
    let turn = 0;
    socket.on('data', (chunk: Buffer) => {
      if (!chunk.includes('<stream:stream')) return;
      socket.write(headerFor(chunk, domain) + (answers[Math.min(turn++, answers.length - 1)] ?? ''));
    });
  };
}

/** STARTTLS as it should be, then `secure`. @param behind what stands behind `<proceed/>` in the same write */
export function upgrading(
  domain: string,
  identity: Identity,
  secure: (socket: Socket) => void,
  behind = '',
): (socket: Socket) => void {
  return (socket) => {
    const listen = (chunk: Buffer) => {
      if (chunk.includes('<stream:stream')) socket.write(headerFor(chunk, domain) + features(startTlsFeature));
      if (!chunk.includes('<starttls')) return;
      socket.off('data', listen);
      socket.write(`<proceed xmlns='${NS_TLS}'/>${behind}`);
      const wrapped = new TLSSocket(socket, { isServer: true, ...identity });
      wrapped.on('error', () => {});
      secure(wrapped);
    };
    socket.on('data', listen);
  };
}
