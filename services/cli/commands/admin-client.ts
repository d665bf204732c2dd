/**
 * How a command asks the service for an operation. It uses the socket of the service that runs on the data folder. When none
 * runs, it opens the data folder in this process, without listeners. For a cell it opens the tables, while the cell's services
 * use them too.
 */
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import pino from 'pino';
import type { z } from 'zod';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import type { Blobs } from '../../../lib/ports/blobs.ts';
import type { Keys } from '../../../lib/ports/keys.ts';
import type { Store } from '../../../lib/ports/store.ts';
import type { AdminReply } from '../../../lib/runtime/admin-wire.ts';
import { checkSchema } from '../../../lib/runtime/row-schema.ts';
import type { Operation } from '../../router/operations/operation.ts';
import { adminAddress } from '../compose/admin-address.ts';
import { askRouter } from '../compose/admin-socket.ts';
import type { DynamoValues } from '../compose/cloud-ports.ts';
import { checkHoldsStore, giveToOwner } from '../compose/data-folder.ts';
import { Refusal, reasonOf } from '../core/report.ts';

export interface AdminClient {
  /** @throws {Refusal} with the service's message */
  ask<Input extends z.ZodType<object>, Output extends z.ZodType>(
    operation: Operation<Input, Output>,
    input: z.input<Input>,
  ): Promise<z.output<Output>>;
  /** Where the web pages of the service are, as it has told with its last answer. */
  readonly webUrl?: string | undefined;
  close(): Promise<void>;
}

/**
 * @param folder a path without symbolic links: the socket's address is computed from it
 * @param openKeys opens what seals private keys, where no service runs that would seal them
 */
export async function openAdmin(folder: string, openKeys?: () => Promise<Keys>): Promise<AdminClient> {
  const socket = await dial(adminAddress(folder));
  return socket === undefined ? openOffline(folder, openKeys) : talk(socket);
}

/** @returns undefined when no process listens at the address */
function dial(address: string): Promise<Socket | undefined> {
  return new Promise((resolve, reject) => {
    const socket = connect(address, () => resolve(socket));
    socket.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') resolve(undefined);
      else reject(new Refusal(`cannot reach the service at ${address}: ${reasonOf(error)}`));
    });
  });
}

function talk(socket: Socket): AdminClient {
  socket.on('error', () => {}); // the iteration of lines ends, too, and `ask` reports that
  const lines = createInterface({ input: socket })[Symbol.asyncIterator]();
  let webUrl: string | undefined;
  return {
    get webUrl() {
      return webUrl;
    },
    async ask(operation, input) {
      socket.write(`${JSON.stringify({ operation: operation.name, arguments: input })}\n`);
      const { value } = await lines.next().catch(() => ({ value: undefined }));
      if (value === undefined) {
        const advice = operation.isRepeatable ? 'try again' : 'look whether it was done, and try again';
        throw new Refusal(`the service stopped before it answered; ${advice}`);
      }
      const reply = JSON.parse(value) as AdminReply & { readonly webUrl?: string };
      webUrl = reply.webUrl;
      return read(operation, reply);
    },
    async close() {
      socket.destroy();
    },
  };
}

/** Runs a router on the store in this process. The folder's lock keeps a service from starting meanwhile. */
async function openOffline(folder: string, openKeys?: () => Promise<Keys>): Promise<AdminClient> {
  checkHoldsStore(folder);
  const keys = await openKeys?.();
  const { openSqliteStore } = await import('../../../lib/adapters/sqlite-store.ts');
  const { filesFolderIn, openFilesFolder } = await import('../compose/files-part.ts');
  const store = await openSqliteStore(folder, { clock: systemClock });
  // The URL is never used: nothing here asks for one.
  const files = filesFolderIn(folder);
  const { blobs } = await openFilesFolder(files, () => 'http://localhost/', { store, clock: systemClock });
  giveToOwner(folder, [files, join(files, 'temporary')]);
  return routeOn(store, { blobs, keys, isAlone: true });
}

/**
 * Runs a router on the tables of a cell in this process. It does not reach the cell's bus, and need not: the operations that it
 * is used for change only what the cell's services read from the tables.
 */
export async function openCloudAdmin(values: DynamoValues, keys?: Keys): Promise<AdminClient> {
  const { openCloudStore } = await import('../compose/cloud-ports.ts');
  return routeOn(await openCloudStore(values), { keys });
}

interface Surroundings {
  readonly blobs?: Blobs;
  readonly keys?: Keys | undefined;
  /** True when no service runs. Rooms are then served here, too, because they change with the accounts. */
  readonly isAlone?: boolean;
}

async function routeOn(store: Store, { blobs, keys, isAlone = false }: Surroundings = {}): Promise<AdminClient> {
  await checkSchema(store).catch(async (error: unknown) => {
    await store.close();
    throw error;
  });
  const { memoryBus } = await import('../../../lib/adapters/memory-bus.ts');
  const { composeRouter } = await import('../compose/compose-router.ts');
  const { UnderWay } = await import('../../router/core/under-way.ts');
  const { startMucWorker } = await import('../../muc/worker.ts');
  const bus = memoryBus({ clock: systemClock });
  const underWay = isAlone ? new UnderWay() : undefined;
  const ports = { store, bus, clock: systemClock, log: pino({ level: 'silent' }), blobs, keys, underWay };
  const { dependencies, router } = await composeRouter(ports);
  const rooms = isAlone ? await startMucWorker({ ...dependencies, worker: 'operator' }) : undefined;
  return {
    async ask(operation, input) {
      return read(operation, await askRouter(bus, operation.name, { ...(input as object) }));
    },
    async close() {
      await rooms?.stop();
      await router.stop();
      await bus.close();
      await store.close();
    },
  };
}

function read<Output extends z.ZodType>({ output }: Operation<z.ZodType, Output>, reply: AdminReply): z.output<Output> {
  const { ok, error, result } = reply;
  if (ok) return output.parse(result);
  throw new Refusal(error ?? 'the service refuses without a reason');
}
