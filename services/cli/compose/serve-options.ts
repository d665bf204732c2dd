/** The options of `skylark serve`. */
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import {
  choiceOption,
  countOption,
  extraPortOption,
  folderOption,
  type Options,
  optionalText,
  pathOption,
  portOption,
  switchOption,
  type Values,
} from '../core/arguments.ts';
import * as shared from '../core/options.ts';
import { programLimits } from '../limits.ts';
import { federationOptions } from './federation-options.ts';

export const serveOptions = {
  name: optionalText(
    'NAME',
    'of this process, other than those of all others of its kind; made up if it is not given',
    'at most 40 letters, digits and hyphens',
    /^[\w-]{1,40}$/,
  ),
  nats: shared.nats,
  dynamodb: shared.dynamodb,
  region: shared.region,
  tablePrefix: shared.tablePrefix,
  domain: shared.domain,
  bind: shared.bind,
  c2sPort: shared.c2sPort,
  c2sTlsPort: shared.c2sTlsPort,
  ...federationOptions,
  federation: switchOption('the deployment has federation: said to connection, router, muc, all'),
  httpPort: shared.httpPort,
  httpsPort: shared.httpsPort,
  websocketPort: extraPortOption('of a connection process: WebSocket over TLS, without the web client'),
  proxyProtocol: switchOption('a load balancer says whose connections it forwards (PROXY protocol, version 2)'),
  healthPort: extraPortOption('health checks by HTTP: /healthz, and /readyz, which says no while it drains'),
  registration: shared.registration,
  cert: shared.cert,
  key: shared.key,
  certificates: shared.certificates,
  defaultCertificate: shared.defaultCertificate,
  kms: shared.kms,
  kmsKey: shared.kmsKey,
  keyFile: shared.keyFile,
  s3: shared.s3,
  filesBucket: shared.filesBucket,
  filesFolder: pathOption('FOLDER', 'instead of a bucket, shared by routers and web: where uploaded files are kept'),
  filesUrl: shared.filesUrl,
  websocketUrl: shared.websocketUrl,
  ticketKeys: pathOption('FILE', '48 random bytes: processes that share them resume each other’s TLS sessions'),
  reusePort: switchOption('share the ports with other processes that say so too'),
  stopSeconds: countOption('a stop may take so many seconds', programLimits.stopSecondsMax, serviceLimits.shutdownMs / 1_000),
  release: optionalText(
    'ID',
    'what is deployed: nodes drain when another one, begun later, runs (on ECS: the task definition)',
    'at most 200 letters, digits and ._:/-',
    /^[\w.:/-]{1,200}$/,
  ),
  settleSeconds: countOption(
    'nodes of another release count when they have run for so many seconds',
    programLimits.settleSecondsMax,
    120,
  ),
  metrics: choiceOption('emf', "figures on stdout once a minute, for CloudWatch: 'emf'", ['emf']),
  untilInputEnds: switchOption('stop when its input ends, as it does when the process that started it dies'),
  port: portOption('of dynalite or nats-server', 0),
  natsServer: shared.natsServer,
  data: folderOption('where dynalite keeps its rows', './data/cluster'),
} satisfies Options;

export type ServeValues = Values<typeof serveOptions>;
