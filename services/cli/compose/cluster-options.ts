/** The options of `skylark cluster`. */
import { countOption, folderOption, type Options, type Values } from '../core/arguments.ts';
import * as shared from '../core/options.ts';
import { programLimits } from '../limits.ts';
import { federationOptions } from './federation-options.ts';

export const clusterOptions = {
  connections: countOption('processes that hold the streams of clients', programLimits.processesPerKindMax, 2),
  routers: countOption('processes that route', programLimits.processesPerKindMax, 2),
  muc: countOption('processes that hold rooms', programLimits.processesPerKindMax, 2),
  federation: countOption(
    'processes that hold streams to other servers, where there are ports for them',
    programLimits.processesPerKindMax,
    2,
  ),
  domain: shared.domain,
  bind: shared.bind,
  data: folderOption('where the certificate and the rows of dynalite are kept', './data/cluster'),
  c2sPort: shared.c2sPort,
  c2sTlsPort: shared.c2sTlsPort,
  ...federationOptions,
  httpPort: shared.httpPort,
  httpsPort: shared.httpsPort,
  registration: shared.registration,
  cert: shared.cert,
  key: shared.key,
  certificates: shared.certificates,
  defaultCertificate: shared.defaultCertificate,
  kms: shared.kms,
  kmsKey: shared.kmsKey,
  keyFile: shared.keyFile,
  nats: shared.nats,
  natsServer: shared.natsServer,
  dynamodb: shared.dynamodb,
  region: shared.region,
  tablePrefix: shared.tablePrefix,
  s3: shared.s3,
  filesBucket: shared.filesBucket,
  filesUrl: shared.filesUrl,
  websocketUrl: shared.websocketUrl,
  json: shared.json,
} satisfies Options;

export type ClusterValues = Values<typeof clusterOptions>;
