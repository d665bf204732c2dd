/** Terminates TLS, and does to a server's stanzas what a test wants: passes, drops, doubles or delays them. */
import type { AddressInfo } from 'node:net';
import { connect, createServer, type Server, type TLSSocket } from 'node:tls';
import { Splitter } from '../../bench/generator/splitter.ts';

/** @returns what is sent to the client instead */
export type Meddling = (stanza: string) => readonly string[];

export interface Middle {
  readonly port: number;
  stop(): Promise<void>;
}

/** SCRAM without channel binding does not notice it. @param pem certificate and key of the middle @param port of direct TLS */
export async function standBetween(pem: { key: string; cert: string }, port: number, meddle: Meddling): Promise<Middle> {
  const sockets = new Set<TLSSocket>();
  const server: Server = createServer({ ...pem, ALPNProtocols: ['xmpp-client'] }, (near) => {
    const far = connect({ host: '127.0.0.1', port, servername: 'localhost', rejectUnauthorized: false });
    const splitter = new Splitter(
      (bytes, start, end) => {
        for (const text of meddle(bytes.toString('utf8', start, end))) near.write(text);
      },
      () => near.end('</stream:stream>'),
    );
    far.on('data', (chunk: Buffer) => {
      // the server begins a new stream after SASL
      if (chunk.includes('<stream:stream')) splitter.reset();
      splitter.push(chunk);
    });
    near.on('data', (chunk: Buffer) => far.write(chunk));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(one);
      one.on('error', () => other.destroy());
      one.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
