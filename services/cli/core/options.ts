/** Options that several commands share, so that a flag means the same everywhere. */
import {
  bindOption,
  choiceOption,
  domainOption,
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

export const domain = domainOption('the first tenant: accounts are name@DOMAIN', 'localhost');
export const bind = bindOption('the address to listen on', '127.0.0.1');
export const data = folderOption('where everything is kept', './data');
export const c2sPort = portOption('XMPP clients, STARTTLS', 5222);
export const c2sTlsPort = portOption('XMPP clients, direct TLS', 5223);
export const httpPort = portOption('web client and WebSocket, without TLS', 5280);
export const httpsPort = portOption('web client and WebSocket, TLS', 5443);
export const registration = choiceOption(
  'open|closed',
  'may anyone make an account; open by itself only while the address is of the loopback',
  ['open', 'closed'],
);
export const cert = pathOption('FILE', 'certificate and its chain, PEM; without it a self-signed one is made');
export const key = pathOption('FILE', 'its private key, PEM');
export const json = switchOption('print JSON, one object a line, instead of text');

export const nats = urlOption('the NATS server that connects the processes', ['nats:', 'tls:']);
export const websocketUrl = urlOption("where browsers find WebSocket streams, when that is not below their tenant's name", [
  'ws:',
  'wss:',
]);
export const natsServer = pathOption('PROGRAM', 'the nats-server to start, when it is none of those where systems put it');
export const dynamodb = urlOption("the DynamoDB that keeps the rows; 'aws' is that of the region", ['http:', 'https:'], ['aws']);

export const certificates = choiceOption(
  'files|store',
  "where certificates come from: --cert and --key, or rows of the store, one a tenant; 'files' unless said",
  ['files', 'store'],
);
export const defaultCertificate = otherDomainOption(
  'whose certificate of the store those are shown who name no server, unless --cert is given; that of --domain',
);
const awsOr = (text: string): Option<string> =>
  ({ ...urlOption(text, ['http:', 'https:'], ['aws']), preset: 'aws' }) as Option<string>;
export const kms = awsOr("the KMS of --kms-key; 'aws' is that of the region");
export const kmsKey = textOption(
  'KEY',
  'id or alias of the KMS key that private keys are sealed with',
  'an id or alias of a KMS key',
);
export const keyFile = pathOption('FILE', 'the key that private keys are sealed with instead; made when there is none');

export function isLoopback(address: string): boolean {
  return address === '::1' || /^127(?:\.\d{1,3}){3}$/.test(address);
}

export const region = textWith(
  'REGION',
  'of DynamoDB and S3',
  'a region, such as eu-central-1',
  /^[a-z0-9-]{1,40}$/,
  'eu-central-1',
);
export const kmsRegion: typeof region = { ...region, text: 'of KMS' };
export const tablePrefix = textWith(
  'PREFIX',
  'the tables are PREFIXcore, PREFIXarchive and PREFIXlive',
  'at most 40 letters, digits, dots, hyphens and underscores',
  /^[\w.-]{1,40}$/,
  'skylark-',
);
export const filesUrl = urlOption('where uploaded files are found, ending in a slash; clients want https', ['https:', 'http:']);
export const s3 = urlOption("the S3 that keeps uploaded files; 'aws' is that of the region", ['http:', 'https:'], ['aws']);
export const filesBucket = textOption('BUCKET', 'of S3, for uploaded files', 'the name of a bucket');
