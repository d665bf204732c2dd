/**
 * Serves operators' commands while the service runs. Each line is a JSON object, `{"operation":"user-add","arguments":{…}}`, and
 * is answered by a line with an `AdminReply`, which also says where the web pages of the service are, as `webUrl`. There is no sign-in, because whoever can open the socket owns the data anyway.
 */
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import type { Logger } from 'pino';
import { z } from 'zod';
import type { Bus } from '../../../lib/ports/bus.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import type { AdminReply, AdminRequest } from '../../../lib/runtime/admin-wire.ts';
import { askOperation } from '../../../lib/runtime/ask-operation.ts';
import { RemoteFault } from '../../../lib/runtime/faults.ts';
import { Refusal, reasonOf } from '../core/report.ts';
import { programLimits } from '../limits.ts';

const lineSchema = z.object({ operation: z.string(), arguments: z.record(z.string(), z.unknown()) });

/** Sends one operation to a router and returns its reply. @throws {Unavailable} when no router answers in time */
export function askRouter(bus: Bus, operation: string, given: AdminRequest['arguments']): Promise<AdminReply> {
  return askOperation(bus, { operation, arguments: given }, programLimits.adminTimeoutMs);
}

/**
 * Listens on the operators' socket. The caller holds the data folder's lock, so a socket file that is already there was left by a
 * process that died, and is deleted.
 * @param webUrl where the web pages are, once that is known
 * @throws {Refusal} when the socket cannot be created
 */
export async function serveAdmin(
  address: string,
  bus: Bus,
  log: Logger,
  webUrl: () => string | undefined = () => undefined,
): Promise<{ stop(): Promise<void> }> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    socket.on('error', (error) => log.debug({ err: error }, 'an operator left'));
    void serveLines(socket, log, async (line) => ({ ...(await answer(line, bus)), webUrl: webUrl() }));
  });
  server.maxConnections = programLimits.adminConnectionsMax;
  const isPipe = process.platform === 'win32';
  if (!isPipe) rmSync(address, { force: true });
  await listen(server, address);
  if (!isPipe) chmodSync(address, 0o600);
  return {
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(new Refusal(`cannot make the operator's socket ${address}: ${reasonOf(error)}`)));
    server.listen(address, resolve);
  });
}

async function serveLines(socket: Socket, log: Logger, replyTo: (line: string) => Promise<object>): Promise<void> {
  let unread = 0;
  socket.on('data', (chunk: Buffer) => {
    unread = chunk.includes(0x0a) ? 0 : unread + chunk.length;
    if (unread > programLimits.adminLineBytesMax) socket.destroy();
  });
  try {
    for await (const line of createInterface({ input: socket })) {
      if (line.length > programLimits.adminLineBytesMax) break;
      socket.write(`${JSON.stringify(await replyTo(line))}\n`);
    }
  } catch (error) {
    log.warn({ err: error }, 'an operator was not answered');
  }
  socket.destroy();
}

async function answer(line: string, bus: Bus): Promise<AdminReply> {
  const request = lineSchema.safeParse(parseJson(line));
  if (!request.success) return { ok: false, error: 'a line is {"operation":"…","arguments":{…}}' };
  try {
    return await askRouter(bus, request.data.operation, request.data.arguments);
  } catch (error) {
    if (error instanceof Unavailable) return { ok: false, error: `no router answered: ${error.message}` };
    if (error instanceof RemoteFault) return { ok: false, error: `the router failed: ${error.message}` };
    throw error;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
