/** Options that several commands share, so that a flag means the same everywhere. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { programLimits } from '../limits.ts';
import {
  bindOption,
  choiceOption,
  countFromZeroOption,
  domainOption,
  extraPortOption,
  folderOption,
  type Option,
  otherDomainOption,
  pathOption,
  portOption,
  switchOption,
  textOption,
  textWith,
  urlOption,
} from './arguments.ts';

export const domain = domainOption('the first tenant; its accounts are name@DOMAIN', 'localhost');
export const bind = bindOption('the address to listen on', '127.0.0.1');
export const data = folderOption('the folder that holds all data', './data');
/** Every command that has `--data` reads the file of settings. */
export const settings = textOption(
  'FILE|none',
  'the file of settings; else ./skylark.toml or /etc/skylark/skylark.toml, if there is one',
  "the path of a file, or 'none'",
);
const c2sPort = portOption('port for XMPP clients, STARTTLS', 5222);
const c2sTlsPort = portOption('port for XMPP clients, direct TLS', 5223);
const httpPort = portOption('port for the web client and WebSocket, without TLS', 5280);
const httpsPort = portOption('port for the web client and WebSocket, TLS', 5443);
export const healthPort = extraPortOption('port for health checks and metrics by HTTP: /healthz, /readyz, /metrics (Prometheus)');
/** The tenants at /metrics. */
export const metricsTenants = countFromZeroOption(
  'how many tenants have a label at /metrics; the others are `other`; 0: no such label',
  programLimits.metricsTenantsMax,
  programLimits.metricsTenants,
);
export const registration = choiceOption(
  'open|closed',
  'whether anyone may register an account; the default is open on a loopback address, otherwise closed',
  ['open', 'closed'],
);
/** The domain of the command line is the operator's own, and needs no proof. */
export const proveDomains = switchOption(
  'a TXT record has to prove the domains of tenants that are added, unless --prove says otherwise',
);
export const auditDays = countFromZeroOption(
  'how many days entries of the audit log of the deployment are kept; 0: for ever. Tenants have theirs in their policies',
  runtimeLimits.retentionDaysMax,
  0,
);
const cert = pathOption('FILE', 'the certificate and its chain, PEM; without it a self-signed certificate is made');
const key = pathOption('FILE', 'the private key of the certificate, PEM');
export const json = switchOption('print one JSON object a line instead of text');

export const nats = urlOption('the NATS server that connects the processes', ['nats:', 'tls:']);
export const natsAccess = textOption(
  'FILE|JSON',
  'what signs this process in at a NATS server that knows its participants; without it the server must be open',
  'the path of a file, or what stands in it',
);
export const websocketUrl = urlOption("the URL for WebSocket streams, if it is not under the tenant's own name", ['ws:', 'wss:']);
export const natsServer = pathOption('PROGRAM', 'the nats-server to start, if it is not in a usual place');
export const dynamodb = urlOption("the DynamoDB endpoint; 'aws' is the one of the region", ['http:', 'https:'], ['aws']);

const certificates = choiceOption(
  'files|store',
  "'files': --cert and --key (the default); 'store': one certificate per tenant from the store",
  ['files', 'store'],
);
const defaultCertificate = otherDomainOption(
  'with --certificates store: whose certificate clients without SNI get; default: --cert, or that of --domain',
);
const awsOr = (text: string): Option<string> =>
  ({ ...urlOption(text, ['http:', 'https:'], ['aws']), preset: 'aws' }) as Option<string>;
export const kms = awsOr("the KMS endpoint for --kms-key; 'aws' is the one of the region");
export const kmsKey = textOption('KEY', 'id or alias of the KMS key that encrypts private keys', 'an id or alias of a KMS key');
export const keyFile = pathOption(
  'FILE',
  'instead of KMS: a file with the key that encrypts private keys; made if it does not exist',
);

export function isLoopback(address: string): boolean {
  return address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}

export const region = textWith(
  'REGION',
  'the AWS region of DynamoDB and S3',
  'a region, such as eu-central-1',
  /^[a-z0-9-]{1,40}$/,
  'eu-central-1',
);
export const kmsRegion: typeof region = { ...region, text: 'the AWS region of KMS' };
export const tablePrefix = textWith(
  'PREFIX',
  'the tables are PREFIXcore, PREFIXarchive and PREFIXlive',
  'at most 40 letters, digits, dots, hyphens and underscores',
  /^[\w.-]{1,40}$/,
  'skylark-',
);
export const filesUrl = urlOption('the public URL of uploaded files, ending in a slash; clients require https', [
  'https:',
  'http:',
]);
export const uploadsUrl = urlOption(
  'with --s3: the URL of a CDN that passes uploads on to the bucket, with the header If-None-Match: *',
  ['https:', 'http:'],
);
export const s3 = urlOption("the S3 endpoint for uploaded files; 'aws' is the one of the region", ['http:', 'https:'], ['aws']);
export const filesBucket = textOption('BUCKET', 'the S3 bucket for uploaded files', 'the name of a bucket');

/** Where clients connect. */
export const clientPortOptions = { c2sPort, c2sTlsPort };
export const webPortOptions = { httpPort, httpsPort };
/** Where certificates and the key that encrypts their private keys come from. */
export const certificateSourceOptions = { cert, key, certificates, defaultCertificate, kms, kmsKey, keyFile };
/** Where the rows of a cell are kept. */
export const rowStoreOptions = { dynamodb, region, tablePrefix };
/** Where the files of a cell are kept. */
export const fileStoreOptions = { s3, filesBucket, filesUrl };
