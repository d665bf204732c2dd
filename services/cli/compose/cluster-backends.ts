/** Prepares what all processes of a cluster need: a locked folder, a certificate, NATS and DynamoDB. */
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { lockFolder } from '../../../lib/adapters/sqlite-lock.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { Refusal, reasonOf } from '../core/report.ts';
import { programLimits } from '../limits.ts';
import { type BusAccess, makeBusAccess } from './bus-access.ts';
import { checkPemFlags, keepSelfSigned, type PemFiles, readPemFiles } from './certificate.ts';
import { ensureTables } from './cloud-ports.ts';
import type { ClusterValues } from './cluster-options.ts';
import { ensureDataFolder } from './data-folder.ts';
import type { Cleanup } from './lifetime.ts';
import { findProgram } from './nats-server.ts';
import type { Supervisor } from './supervisor.ts';

export interface ClusterBackends {
  readonly folder: string;
  readonly nats: string;
  /** Files with what signs processes in at our own nats-server, which lets in nobody else. undefined: the server is given, and open. */
  readonly access: BusAccess | undefined;
  readonly dynamodb: string;
  /** The certificate in files. With `--certificates store` it is a fallback; undefined: there is no fallback. */
  readonly pem: PemFiles | undefined;
  /** True when this program has created the certificate itself. */
  readonly isSelfSigned: boolean;
  /** A file with the keys of TLS session tickets, so that a TLS session of one process can be resumed at another. */
  readonly ticketKeys: string;
}

/** @throws {UsageError | Refusal | FolderInUse} */
export async function prepareBackends(
  values: ClusterValues,
  log: Logger,
  cleanup: Cleanup,
  supervisor: Supervisor,
): Promise<ClusterBackends> {
  const given = checkPemFlags(values);
  if (given) readPemFiles(given);
  const folder = ensureDataFolder(values.data, log);
  const lock = lockFolder(folder);
  cleanup.add('folder', () => lock.release());
  const isOwn = given === undefined && values.certificates !== 'store';
  const pem = isOwn ? (await keepSelfSigned(join(folder, 'tls'), values.domain, clock)).files : given;
  const ticketKeys = join(folder, 'ticket-keys');
  writeFileSync(ticketKeys, clock.randomBytes(48), { mode: 0o600 });
  if (values.nats !== undefined) await checkReachable('--nats', values.nats, natsPort);
  const { nats, access } = values.nats === undefined ? await ownNats(folder, values, supervisor) : { nats: values.nats };
  const dynamodb = values.dynamodb ?? (await ownDynamo(folder, supervisor));
  await ensureTables({ ...values, dynamodb });
  return { folder, nats, access, dynamodb, pem, isSelfSigned: isOwn, ticketKeys };
}

async function ownNats(folder: string, { natsServer }: ClusterValues, supervisor: Supervisor) {
  const program = findProgram(natsServer); // checked here, so that a missing program is reported in one line
  const { config, access } = await makeBusAccess(join(folder, 'bus'));
  const args = ['--nats-server', program, '--nats-config', config, '--port', '0'];
  const [server] = await supervisor.start([{ service: 'nats', name: 'nats', args }]);
  return { nats: `nats://127.0.0.1:${server!.addresses.nats!.port}`, access };
}

async function ownDynamo(folder: string, supervisor: Supervisor): Promise<string> {
  const [engine] = await supervisor.start([{ service: 'dynamodb', name: 'dynalite', args: ['--data', folder, '--port', '0'] }]);
  return `http://127.0.0.1:${engine!.addresses.dynamodb!.port}`;
}

const natsPort = 4222;

/**
 * Checks that a server answers. The bus would wait for its server for ever, which is right for a service, but not for somebody at
 * a terminal.
 * @throws {Refusal} when no server answers
 */
async function checkReachable(flag: string, url: string, presetPort: number): Promise<void> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname.replaceAll(/[[\]]/g, ''), port: Number(port || presetPort) });
  try {
    await once(socket, 'connect', { signal: AbortSignal.timeout(programLimits.childStartMs) });
  } catch (error) {
    throw new Refusal(`${flag}: no server answers at ${url}: ${reasonOf(error)}`);
  } finally {
    socket.destroy();
  }
}
