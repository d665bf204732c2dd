/** Decides which processes a cluster has, and with which arguments they are started. */
import { createServer } from 'node:net';
import { flagOf } from '../core/arguments.ts';
import type { BusAccess } from './bus-access.ts';
import { keyFileOf } from './certificate-keys.ts';
import type { ClusterBackends } from './cluster-backends.ts';
import type { ClusterValues } from './cluster-options.ts';
import { type ComponentValues, componentArguments, componentPortOf } from './component-options.ts';
import { peerPortsOf } from './federation-options.ts';
import { filesFolderIn, presetFilesUrl } from './files-part.ts';
import { listening } from './listening.ts';
import type { Planned } from './supervisor.ts';

/**
 * Where processes cannot share ports, the ports of each further process are higher by this. A step of 1 would collide: 5222 and
 * 5223 are both in use.
 */
const portStep = 10;

/** Whether processes can share a port here. Of the systems on which Node has `reusePort`, these are the common ones. */
export const sharesPorts = ['linux', 'freebsd'].includes(process.platform);

export interface Plan {
  readonly inner: readonly Planned[];
  readonly outer: readonly Planned[];
}

export function planCluster(values: ClusterValues, backends: ClusterBackends): Plan {
  /** @param service what signs its processes in at the bus is the same for all of them */
  const numbered = (service: Exclude<keyof BusAccess, 'cluster'>, letter: string, count: number, argsOf: ArgumentsOf) => {
    const signIn = backends.access === undefined ? [] : ['--nats-access', backends.access[service]];
    return Array.from({ length: count }, (_, index) => ({
      ...{ service, name: `${letter}${index + 1}` },
      args: [...argsOf(index), ...signIn],
    }));
  };
  const common = [
    ...['--nats', backends.nats, '--dynamodb', backends.dynamodb],
    ...['--region', values.region, '--table-prefix', values.tablePrefix],
    ...[...given(values, 'otlpEndpoint'), '--trace-share', `${values.traceShare}`],
  ];
  const streams = [
    ...common,
    ...['--domain', values.domain, '--bind', values.bind],
    ...(backends.pem ? ['--cert', backends.pem.cert, '--key', backends.pem.key] : []),
    ...['--ticket-keys', backends.ticketKeys],
    ...(values.certificates === 'store' ? ['--certificates', 'store', ...sealing(values, backends)] : []),
    ...(values.defaultCertificate === undefined ? [] : ['--default-certificate', values.defaultCertificate]),
  ];
  const peers = peerPortsOf(values);
  const components = componentPortOf(values);
  const federated = [...(peers ? ['--federation'] : []), ...(components === undefined ? [] : ['--components'])];
  const authority = given(values, 's2sCa');
  const dialling = [...authority, ...given(values, 's2sNetworks'), ...given(values, 's2sResolver')];
  const files = fileArguments(values, backends);
  const isShared = isSharing(values);
  const connections = numbered('connection', 'c', values.connections, (index) => {
    const shift = isShared ? 0 : index * portStep;
    const port = (base: number) => `${base === 0 ? 0 : base + shift}`;
    const ports = ['--c2s-port', port(values.c2sPort), '--c2s-tls-port', port(values.c2sTlsPort)];
    const { s2sPort = 0, s2sTlsPort = 0 } = peers ?? {};
    const ofPeers = peers && ['--federation', '--s2s-port', port(s2sPort), '--s2s-tls-port', port(s2sTlsPort), ...authority];
    const ofComponents = components === undefined ? [] : componentArguments(values, components + shift);
    return [...streams, ...ports, ...(ofPeers ?? []), ...ofComponents, ...(isShared ? ['--reuse-port'] : [])];
  });
  const web = numbered('web', 'w', 1, () => [
    ...streams,
    ...files,
    ...['--http-port', `${values.httpPort}`, '--https-port', `${values.httpsPort}`],
    ...(values.websocketUrl === undefined ? [] : ['--websocket-url', values.websocketUrl]),
  ]);
  return {
    inner: [
      ...numbered('router', 'r', values.routers, () => [
        ...[...common, ...files, ...federated, ...dialling],
        ...(values.proveDomains ? ['--prove-domains'] : []),
        ...['--audit-days', `${values.auditDays}`],
        ...sealing(values, backends),
      ]),
      ...numbered('muc', 'm', values.muc, () => [...common, ...federated]),
      ...numbered('federation', 'f', federated.length > 0 ? values.federation : 0, () => [
        ...streams,
        ...(values.certificates === 'store' ? [] : sealing(values, backends)),
        ...dialling,
      ]),
    ],
    outer: [...connections, ...web],
  };
}

function given(values: ClusterValues, name: 's2sCa' | 's2sNetworks' | 's2sResolver' | 'otlpEndpoint'): readonly string[] {
  const value = values[name];
  return value === undefined ? [] : [flagOf(name), value];
}

function sealing({ kms, kmsKey, keyFile }: ClusterValues, { folder }: ClusterBackends): string[] {
  return kmsKey === undefined ? ['--key-file', keyFile ?? keyFileOf(folder)] : ['--kms', kms, '--kms-key', kmsKey];
}

/**
 * Options that say where uploaded files are kept and found. Without S3 all processes share a folder. Routers start before the web
 * server has its port, so they cannot know the URL when that port is 0 (any free one).
 */
function fileArguments(values: ClusterValues, { folder, isSelfSigned }: ClusterBackends): readonly string[] {
  const { s3, filesBucket, domain, bind, httpPort, httpsPort } = values;
  const bucket = [...(s3 ? ['--s3', s3] : []), ...(filesBucket ? ['--files-bucket', filesBucket] : [])];
  const isKnown = httpPort !== 0 && httpsPort !== 0;
  const preset = isKnown ? presetFilesUrl({ domain, bind, isSelfSigned, httpPort, httpsPort }) : undefined;
  const url = values.filesUrl ?? (s3 ? undefined : preset);
  if (s3 === undefined && url === undefined) return [];
  return [...(s3 ? bucket : ['--files-folder', filesFolderIn(folder)]), ...(url ? ['--files-url', url] : [])];
}

type ArgumentsOf = (index: number) => readonly string[];

function isSharing({ connections, c2sPort, c2sTlsPort }: ClusterValues): boolean {
  return connections > 1 && c2sPort !== 0 && c2sTlsPort !== 0 && sharesPorts;
}

/**
 * Checks that no other program listens on the ports. A port that another cluster shares looks free to a process that shares it
 * too, so this opens each port once without sharing it.
 * @throws {Refusal} naming the port and its flag
 */
export async function checkPortsFree(
  values: Pick<ClusterValues, 'bind' | 'c2sPort' | 'c2sTlsPort' | 'httpPort' | 'httpsPort' | 's2sPort' | 's2sTlsPort'> &
    ComponentValues,
): Promise<void> {
  const { bind, c2sPort, c2sTlsPort, httpPort, httpsPort } = values;
  const ports = { c2sPort, c2sTlsPort, httpPort, httpsPort, ...peerPortsOf(values) };
  const componentPort = componentPortOf(values) ?? 0;
  const all = [
    ...Object.values(ports).map((port) => ({ port, host: bind })),
    { port: componentPort, host: values.componentBind },
  ];
  for (const { port, host } of all) {
    if (port === 0) continue;
    await listening(host, { ...ports, componentPort }, async () => {
      const server = createServer();
      await new Promise<void>((resolve, reject) => {
        server.once('error', reject);
        server.listen(port, host, resolve);
      });
      await new Promise((resolve) => server.close(resolve));
    });
  }
}
