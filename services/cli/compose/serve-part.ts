/**
 * One of the processes of `skylark start --processes N` (decision 6). It runs all services that `start` runs in one process. The
 * folder, its lock and the operator's socket belong to the process that started it. These processes share the ports, the rows and
 * a bus.
 */
import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import { join } from 'node:path';
import { socketBus } from '../../../lib/adapters/socket-bus.ts';
import { openSqliteStore } from '../../../lib/adapters/sqlite-store.ts';
import { systemClock } from '../../../lib/adapters/system-clock.ts';
import { DeploymentClock } from '../../../lib/runtime/deployment-clock.ts';
import { Tenants } from '../../../lib/runtime/tenants.ts';
import { UsageError } from '../core/report.ts';
import { checkPemFlags, keepSelfSigned } from './certificate.ts';
import { openKeys } from './certificate-keys.ts';
import { composeConsole } from './console.ts';
import { openProof } from './federation-part.ts';
import { filesFolderIn, openFilesFolder, presetFilesUrl } from './files-part.ts';
import { type Addresses, addressesOf } from './listening.ts';
import { startMucPart } from './muc-part.ts';
import { attachWeb, componentPorts, peerPorts, route, shareFederation, startClock, startStreams } from './serve-services.ts';
import type { Serving } from './serving.ts';
import { fingerprintsOf } from './tls-source.ts';
import { observed } from './tracing-part.ts';
import { composeWebApp } from './web-app.ts';

/** The descriptor that `startChild` gives to the socket to the hub. */
const linkDescriptor = 3;

export async function servePart(serving: Serving): Promise<Addresses> {
  const { values, log, cleanup, fail } = serving;
  const { bind, c2sPort, c2sTlsPort, httpPort, httpsPort, data, domain } = values;
  const clock = new DeploymentClock(systemClock);
  const bus = socketBus({ socket: openLink(), clock, onLost: () => fail('the process that started this one is gone') });
  const store = await openSqliteStore(data, { clock, isShared: true });
  cleanup.add('store', () => store.close());
  await startClock(serving, clock, store);
  cleanup.add('bus', () => bus.close());
  const ports = await observed({ store, bus, clock, log }, { ...serving, name: values.name });
  let filesUrl = values.filesUrl ?? '';
  const files = await openFilesFolder(filesFolderIn(data), () => filesUrl, ports);
  const outside = { isFederated: values.federation, hasComponents: values.components };
  const { proveDomains: provesDomains, auditDays } = values;
  const keys = await openKeys(values, data);
  await route(serving, { ...ports, blobs: files.blobs, ...outside, keys, provesDomains, auditDays, documents: values });
  const rooms = await startMucPart(ports, values.name, outside);
  cleanup.add('rooms', () => rooms.stop());
  serving.metrics.gauge('Rooms', () => rooms.rooms);
  const given = checkPemFlags(values);
  const isSelfSigned = given === undefined && values.certificates !== 'store';
  // The parent process has created the self-signed certificate already.
  const pem = isSelfSigned ? (await keepSelfSigned(join(data, 'tls'), domain, systemClock)).files : given;
  const listen = { bind, c2sPort, c2sTlsPort, ...peerPorts(serving), ...componentPorts(serving) };
  const streams = await startStreams({ ...serving, values: { ...values, ...pem } }, ports, listen);
  if (values.federation || values.components) {
    const ownAddresses = () => Object.values(streams.node.addresses).filter((address) => address !== undefined);
    const proof = values.federation ? openProof(values.s2sCa, clock) : undefined;
    await shareFederation(serving, { ...ports, tls: streams.tls.source, proof, ownAddresses }, data);
  }
  const isDraining = () => streams.node.isDraining;
  const pages = {
    ...{ tenants: new Tenants(store, clock), log, defaultDomain: domain },
    ...{ isDraining, webSocketUrl: values.websocketUrl, fingerprintOf: fingerprintsOf(streams.tls, store), ...files.web },
  };
  const app = composeWebApp({ ...pages, console: composeConsole({ ...serving, ...ports }) }, ports);
  const web = await attachWeb(serving, streams, app, { httpPort, httpsPort });
  filesUrl ||= presetFilesUrl({
    ...{ domain, bind, isSelfSigned },
    ...{ httpPort: web.http!.port, httpsPort: web.https!.port },
  });
  return addressesOf({ ...streams.node.addresses, ...web });
}

/** Opens the socket to the hub. @throws {UsageError} when no parent process has passed one */
function openLink(): Socket {
  try {
    if (fstatSync(linkDescriptor).isSocket()) return new Socket({ fd: linkDescriptor, readable: true, writable: true });
  } catch {
    // There is no such descriptor.
  }
  throw new UsageError("'serve part' is what 'skylark start --processes' starts; it does not run by itself");
}
