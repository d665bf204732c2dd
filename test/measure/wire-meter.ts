/** A TCP relay in front of a port that counts what passes, as a load balancer does. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

export interface WireMeter {
  readonly port: number;
  /** From clients, and to them, bytes with TLS and without TCP's own. */
  bytesIn: number;
  bytesOut: number;
  readonly activity: number;
  reset(): void;
  close(): void;
}

export async function startWireMeter(port: number): Promise<WireMeter> {
  const sockets = new Set<Socket>();
  let activity = 0;
  const server = createServer((client) => {
    const onward = connect({ port, host: '127.0.0.1', noDelay: true });
    client.setNoDelay(true);
    for (const [from, to, direction] of [
      [client, onward, 'bytesIn'],
      [onward, client, 'bytesOut'],
    ] as const) {
      sockets.add(from);
      from.on('data', (chunk: Buffer) => {
        activity++;
        meter[direction] += chunk.length;
        to.write(chunk);
      });
      from.on('end', () => to.end());
      from.on('error', () => to.destroy());
      from.on('close', () => {
        activity++;
        sockets.delete(from);
        to.destroySoon();
      });
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const meter: WireMeter = {
    port: (server.address() as { port: number }).port,
    bytesIn: 0,
    bytesOut: 0,
    get activity() {
      return activity;
    },
    reset() {
      meter.bytesIn = 0;
      meter.bytesOut = 0;
    },
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return meter;
}
