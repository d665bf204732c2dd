/**
 * `skylark start --processes N`. This process owns the folder, the hub of the bus and the operator's socket, and serves no
 * clients. The processes that it starts share the ports for clients. One that dies is started again under its name (decision 6).
 */
import { join } from 'node:path';
import type { Logger } from 'pino';
import { socketHub } from '../../../lib/adapters/socket-hub.ts';
import { lockFolder } from '../../../lib/adapters/sqlite-lock.ts';
import { openSqliteStore } from '../../../lib/adapters/sqlite-store.ts';
import { systemClock as clock } from '../../../lib/adapters/system-clock.ts';
import { moveRows } from '../../../lib/runtime/row-moves.ts';
import { checkSchema } from '../../../lib/runtime/row-schema.ts';
import { flagOf } from '../core/arguments.ts';
import { UsageError } from '../core/report.ts';
import { adminAddress } from './admin-address.ts';
import { serveAdmin } from './admin-socket.ts';
import { checkPemFlags, keepSelfSigned, readPemFiles } from './certificate.ts';
import { type Child, type Ending, startChild } from './child-process.ts';
import { checkPortsFree, sharesPorts } from './cluster-plan.ts';
import { componentArguments } from './component-options.ts';
import { linkPath } from './console.ts';
import { ensureDataFolder } from './data-folder.ts';
import type { Embedded } from './embedded.ts';
import { federationArguments } from './federation-options.ts';
import { filesFolderIn, openFilesFolder, ownOrigin, sweepFiles } from './files-part.ts';
import { Cleanup } from './lifetime.ts';
import type { Addresses } from './listening.ts';
import { ensureTenant } from './own-tenant.ts';
import { ProcessPool } from './process-pool.ts';
import { checkPorts, registrationOf, type StartValues } from './start-options.ts';

interface ProcessEvents {
  started(child: Child): void;
  died(child: Child, ending: Ending): void;
}

/** @throws {UsageError | Refusal | FolderInUse} after everything that was started has been stopped again */
export async function startProcesses(values: StartValues, log: Logger, events: ProcessEvents): Promise<Embedded> {
  checkPorts(values);
  if (!sharesPorts) {
    throw new UsageError(
      `--processes: '${values.processes}' is not possible here: on ${process.platform} processes cannot share a port`,
    );
  }
  if (values.healthPort !== undefined) {
    throw new UsageError('--health-port and --processes exclude each other: each process would need a port of its own');
  }
  const pemFiles = checkPemFlags(values);
  if (pemFiles) readPemFiles(pemFiles);
  const folder = ensureDataFolder(values.data, log);
  const cleanup = new Cleanup(log);
  try {
    const lock = lockFolder(folder);
    cleanup.add('folder', () => lock.release());
    await checkPortsFree(values);
    if (!pemFiles) await keepSelfSigned(join(folder, 'tls'), values.domain, clock);
    const hub = socketHub({ clock });
    cleanup.add('bus', () => hub.close());
    const store = await openSqliteStore(folder, { clock, isShared: true });
    cleanup.add('store', () => store.close());
    await checkSchema(store);
    const moving = moveRows({ store, clock, log, by: 'here' });
    cleanup.add('moves', () => moving.stop());
    const files = await openFilesFolder(filesFolderIn(folder), () => values.filesUrl ?? 'http://localhost/', { store, clock });
    const fileSweep = sweepFiles(files.blobs, store, log);
    cleanup.add('files', () => fileSweep.stop());
    const shared = [
      ...['--data', folder, '--domain', values.domain, '--bind', values.bind],
      ...(values.proveDomains ? ['--prove-domains'] : []),
      ...['--audit-days', `${values.auditDays}`],
      ...(pemFiles ? ['--cert', pemFiles.cert, '--key', pemFiles.key] : []),
      ...(
        [
          ...(['filesUrl', 'websocketUrl', 'certificates', 'defaultCertificate', 'kms', 'kmsKey', 'keyFile', 'region'] as const),
          ...(['s2sCa', 's2sNetworks', 's2sResolver', 'otlpEndpoint', 'traceShare'] as const),
        ] as const
      ).flatMap((name) => {
        const value = values[name];
        return value === undefined ? [] : [`${flagOf(name)}=${value}`];
      }),
    ];
    const start = (name: string, addresses: Addresses | undefined): Promise<Child> =>
      startChild('part', name, [...shared, '--reuse-port', ...portsOf(values, addresses)], (link) => hub.attach(link));
    const pool = new ProcessPool({ count: values.processes, start, log, ...events });
    cleanup.add('processes', () => pool.stop());
    const addresses = await pool.start();
    const { domain } = values;
    await ensureTenant({ store, bus: hub.bus, clock, domain, registration: registrationOf(values) });
    const { http, https } = addresses;
    const isSelfSigned = pemFiles === undefined && values.certificates !== 'store';
    const webUrl = ownOrigin({ domain, bind: values.bind, isSelfSigned, httpPort: http!.port, httpsPort: https!.port });
    const admin = await serveAdmin(adminAddress(folder), hub.bus, log, () => webUrl);
    cleanup.add('admin', () => admin.stop());
    return { folder, addresses, stop: () => cleanup.run(), consoleUrl: async () => `${webUrl}${await linkPath(hub.bus)}` };
  } catch (error) {
    await cleanup.run();
    throw error;
  }
}

/** The ports of one process. If the first process could choose a port (0), the others take the port that it chose. */
function portsOf(values: StartValues, addresses: Addresses | undefined): string[] {
  const port = (purpose: string, given: number): string => `${addresses?.[purpose]?.port ?? given}`;
  return [
    ...['--c2s-port', port('c2s', values.c2sPort), '--c2s-tls-port', port('c2sTls', values.c2sTlsPort)],
    ...['--http-port', port('http', values.httpPort), '--https-port', port('https', values.httpsPort)],
    ...federationArguments(values),
    ...componentArguments(values),
  ];
}
