/** The options of `skylark cluster`. */
import { countOption, folderOption, type Options, type Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';
import { programLimits } from '../limits.ts';
import { componentOptions } from './component-options.ts';
import { federationOptions } from './federation-options.ts';
import { tracingOptions } from './tracing-options.ts';

export const clusterOptions = {
  connections: countOption(
    'the number of connection processes, which hold the streams of clients',
    programLimits.processesPerKindMax,
    2,
  ),
  routers: countOption('the number of router processes', programLimits.processesPerKindMax, 2),
  muc: countOption('the number of MUC processes, which hold rooms', programLimits.processesPerKindMax, 2),
  federation: countOption(
    'the number of federation processes, which own what goes to other servers and components',
    programLimits.processesPerKindMax,
    2,
  ),
  domain: shared.domain,
  bind: shared.bind,
  data: folderOption('the folder for the certificate and the rows of dynalite', './data/cluster'),
  ...shared.clientPortOptions,
  ...federationOptions,
  ...componentOptions,
  ...shared.webPortOptions,
  registration: shared.registration,
  proveDomains: shared.proveDomains,
  auditDays: shared.auditDays,
  ...shared.certificateSourceOptions,
  nats: shared.nats,
  natsServer: shared.natsServer,
  ...shared.rowStoreOptions,
  ...shared.fileStoreOptions,
  websocketUrl: shared.websocketUrl,
  ...tracingOptions,
  json: shared.json,
} satisfies Options;

export type ClusterValues = Values<typeof clusterOptions>;
