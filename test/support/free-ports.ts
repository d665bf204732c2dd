import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below the ports that systems give to connections that go out and to servers that ask for any port, so that nobody takes one by chance. */
const from = 20_000;
const until = 32_000;
const triesMax = 100;

/** Ports of 127.0.0.1 that were free a moment ago. @throws when none is found */
export async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(Array.from({ length: count }, listenSomewhere));
  const ports = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

async function listenSomewhere(): Promise<Server> {
  for (let tries = 1; ; tries++) {
    const server = createServer();
    try {
      await once(server.listen(randomInt(from, until), '127.0.0.1'), 'listening');
      return server;
    } catch (error) {
      if (tries === triesMax) throw error;
    }
  }
}
