/** The options of `skylark serve`. */
import { serviceLimits } from '../../../lib/runtime/service-limits.ts';
import {
  choiceOption,
  countOption,
  extraPortOption,
  folderOption,
  type Options,
  optionalText,
  originOption,
  otherDomainOption,
  pathOption,
  portOption,
  switchOption,
  type Values,
} from '../core/arguments.ts';
import * as shared from '../core/options.ts';
import { programLimits } from '../limits.ts';
import { componentOptions } from './component-options.ts';
import { federationOptions } from './federation-options.ts';
import { frontOptions } from './front-options.ts';
import { tracingOptions } from './tracing-options.ts';

export const serveOptions = {
  name: optionalText(
    'NAME',
    'a name for this process, unique among processes of its kind; the default is random',
    'at most 40 letters, digits and hyphens',
    /^[\w-]{1,40}$/,
  ),
  nats: shared.nats,
  natsAccess: shared.natsAccess,
  ...shared.rowStoreOptions,
  domain: shared.domain,
  bind: shared.bind,
  ...shared.clientPortOptions,
  ...federationOptions,
  ...componentOptions,
  components: switchOption('the deployment has components (for connection, router, muc and all)'),
  federation: switchOption('the deployment has federation (for connection, router, muc and all)'),
  ...shared.webPortOptions,
  websocketPort: extraPortOption('port of a connection process for WebSocket over TLS, without the web client'),
  proxyProtocol: switchOption('a load balancer in front sends the PROXY protocol, version 2'),
  healthPort: shared.healthPort,
  metricsTenants: shared.metricsTenants,
  registration: shared.registration,
  proveDomains: shared.proveDomains,
  auditDays: shared.auditDays,
  ...shared.certificateSourceOptions,
  s3: shared.s3,
  filesBucket: shared.filesBucket,
  filesFolder: pathOption('FOLDER', 'instead of a bucket: a folder for uploaded files, shared by router and web processes'),
  filesUrl: shared.filesUrl,
  uploadsUrl: shared.uploadsUrl,
  websocketUrl: shared.websocketUrl,
  ticketKeys: pathOption('FILE', 'a file of 48 random bytes; processes that share it resume each other’s TLS sessions'),
  cell: optionalText(
    'NAME',
    'the name of this cell (for router and all); needs --cell-host and --cell-servers-host',
    'at most 20 lower-case letters, digits and hyphens',
    /^[a-z][a-z0-9-]{0,19}$/,
  ),
  cellHost: otherDomainOption('with --cell: where its clients connect'),
  cellServersHost: otherDomainOption('with --cell: where other servers connect to it'),
  cellWebUrl: originOption('with --cell: where its console and its pages are'),
  ...frontOptions,
  ...tracingOptions,
  reusePort: switchOption('share the ports with other processes that have this option'),
  stopSeconds: countOption('how many seconds a stop may take', programLimits.stopSecondsMax, serviceLimits.shutdownMs / 1_000),
  release: optionalText(
    'ID',
    'the id of the release; nodes drain when a later release runs (on ECS: the task definition)',
    'at most 200 letters, digits and ._:/-',
    /^[\w.:/-]{1,200}$/,
  ),
  settleSeconds: countOption(
    'how many seconds a node of another release must have run before it counts',
    programLimits.settleSecondsMax,
    120,
  ),
  metrics: choiceOption('emf', "'emf': print metrics for CloudWatch on stdout once a minute", ['emf']),
  untilInputEnds: switchOption('stop when standard input ends, as it does when the parent process dies'),
  port: portOption('port of dynalite or nats-server', 0),
  natsServer: shared.natsServer,
  natsConfig: pathOption('FILE', 'the configuration of the nats-server that is started'),
  data: folderOption('the folder where dynalite keeps its rows', './data/cluster'),
} satisfies Options;

export type ServeValues = Values<typeof serveOptions>;
