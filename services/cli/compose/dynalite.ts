/** Starts the npm package dynalite, which has the API of DynamoDB, on one machine. It is installed for development only. */
import { mkdirSync } from 'node:fs';
import type { IncomingMessage, Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Refusal } from '../core/report.ts';

interface Dynalite {
  default(options: { readonly path: string; readonly createTableMs: number; readonly deleteTableMs: number }): Server;
}

/** @throws {Refusal} when the package is not installed. An error of listening passes as it is. */
export async function startDynalite(
  folder: string,
  port: number,
): Promise<{ readonly address: AddressInfo; stop(): Promise<void> }> {
  const path = join(folder, 'dynalite');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const { default: dynalite } = await importDynalite();
  const server = dynalite({ path, createTableMs: 0, deleteTableMs: 0 });
  surviveAborts(server);
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return {
    address: server.address() as AddressInfo,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** COMPAT: dynalite 4.0.0 throws, which ends its process, when a client aborts a request before all of it has arrived. */
export function surviveAborts(server: Server): void {
  server.on('request', (request: IncomingMessage) => {
    request.removeAllListeners('error');
    request.on('error', () => {});
  });
}

async function importDynalite(): Promise<Dynalite> {
  const name: string = 'dynalite'; // a variable, because the package has no types
  try {
    return (await import(name)) as Dynalite;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new Refusal('the npm package dynalite is missing: get it with `npm ci`, or name a DynamoDB with --dynamodb');
  }
}
