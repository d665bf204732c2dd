/**
 * The engines of a cluster on one machine. Each runs under a process of the cluster, so that it ends when the cluster ends,
 * however that happens.
 */
import { startDynalite } from './dynalite.ts';
import { type Addresses, addressOf, listening } from './listening.ts';
import { startNatsServer } from './nats-server.ts';
import type { Serving } from './serving.ts';

export async function serveDynamo({ values, cleanup }: Serving): Promise<Addresses> {
  const { port, data } = values;
  const engine = await listening('127.0.0.1', { port }, () => startDynalite(data, port));
  cleanup.add('dynalite', () => engine.stop());
  return { dynamodb: addressOf(engine.address) };
}

export async function serveNats({ values, cleanup, fail }: Serving): Promise<Addresses> {
  const server = await startNatsServer(values.natsServer, values.port, values.natsConfig);
  let isStopping = false;
  void server.ended.then(() => {
    if (!isStopping) fail('nats-server died');
  });
  cleanup.add('nats-server', async () => {
    isStopping = true;
    await server.stop();
  });
  return { nats: { address: '127.0.0.1', port: server.port } };
}
