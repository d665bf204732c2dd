/** The options of `skylark serve`. */
import { folderOption, type Options, pathOption, portOption, switchOption, type Values } from './arguments.ts';
import * as shared from './options.ts';

export const serveOptions = {
  name: shared.nodeName,
  nats: shared.nats,
  dynamodb: shared.dynamodb,
  region: shared.region,
  tablePrefix: shared.tablePrefix,
  domain: shared.domain,
  bind: shared.bind,
  c2sPort: shared.c2sPort,
  c2sTlsPort: shared.c2sTlsPort,
  httpPort: shared.httpPort,
  httpsPort: shared.httpsPort,
  cert: shared.cert,
  key: shared.key,
  certificates: shared.certificates,
  kms: shared.kms,
  kmsKey: shared.kmsKey,
  keyFile: shared.keyFile,
  ticketKeys: pathOption('FILE', '48 random bytes: processes that share them resume each other’s TLS sessions'),
  reusePort: switchOption('share the ports with other processes that say so too'),
  untilInputEnds: switchOption('stop when its input ends, as it does when the process that started it dies'),
  port: portOption('of dynalite or nats-server', 0),
  natsServer: shared.natsServer,
  data: folderOption('where dynalite keeps its rows', './data/cluster'),
} satisfies Options;

export type ServeValues = Values<typeof serveOptions>;
