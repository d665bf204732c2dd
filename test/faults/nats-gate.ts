/** Stands between the processes and nats-server, knows each connection by the name that it gives, and cuts or holds up single ones. */
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

/** `cut`: closed, and every new one too. `hang`: nothing passes, and nobody is told. */
export type Trouble = 'cut' | 'hang';

interface Passage {
  name: string | undefined;
  readonly client: Socket;
  readonly server: Socket;
}

export interface NatsGate {
  readonly url: string;
  /** What the connections of the process of that name meet until `heal`. */
  trouble(name: string, trouble: Trouble): void;
  heal(): void;
  close(): void;
}

export async function startNatsGate(port: number): Promise<NatsGate> {
  const troubles = new Map<string, Trouble>();
  const passages = new Set<Passage>();
  const gate = createServer((client) => {
    const passage: Passage = { name: undefined, client, server: connect({ host: '127.0.0.1', port }) };
    const { server } = passage;
    passages.add(passage);
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.setNoDelay(true);
      from.on('error', () => from.destroy());
      from.on('close', () => {
        to.destroy();
        passages.delete(passage);
      });
    }
    server.on('data', (chunk) => client.write(chunk));
    client.on('data', (chunk) => {
      passage.name ??= /"name":"([^"]*)"/.exec(chunk.toString('latin1'))?.[1];
      meet(passage, passage.name === undefined ? undefined : troubles.get(passage.name));
      if (!client.destroyed) server.write(chunk);
    });
  }).listen(0, '127.0.0.1');
  await once(gate, 'listening');
  return {
    url: `nats://127.0.0.1:${(gate.address() as { port: number }).port}`,
    trouble(name, trouble) {
      troubles.set(name, trouble);
      for (const passage of passages) if (passage.name === name) meet(passage, trouble);
    },
    heal() {
      troubles.clear();
      // What hung may go on where it was, as after a network that came back.
      for (const { client, server } of passages) {
        client.resume();
        server.resume();
      }
    },
    close() {
      gate.close();
      for (const { client, server } of passages) {
        client.destroy();
        server.destroy();
      }
    },
  };
}

function meet({ client, server }: Passage, trouble: Trouble | undefined): void {
  if (trouble === 'cut') client.destroy();
  if (trouble === 'hang') {
    client.pause();
    server.pause();
  }
}
