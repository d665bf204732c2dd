/** The options of `skylark certificate …`. */
import {
  type Option,
  type Options,
  pathOption,
  switchOption,
  textOption,
  textWith,
  urlOption,
  type Values,
} from '../core/arguments.ts';
import * as shared from '../core/options.ts';

const where = {
  data: shared.data,
  dynamodb: shared.dynamodb,
  region: shared.region,
  tablePrefix: shared.tablePrefix,
} satisfies Options;
const sealing = { kms: shared.kms, kmsKey: shared.kmsKey, keyFile: shared.keyFile } satisfies Options;

export const certificateAddOptions = {
  cert: pathOption('FILE', 'the certificate, then its chain, PEM'),
  key: pathOption('FILE', 'its private key, PEM'),
  ...where,
  ...sealing,
} satisfies Options;
export const certificateListOptions = { json: shared.json, ...where } satisfies Options;
export const certificateRemoveOptions = where;
export const certificateRenewOptions = {
  force: switchOption('also what is not due, or rests after a failure'),
  acme: {
    ...urlOption("the CA's ACME directory", ['http:', 'https:']),
    preset: 'https://acme-v02.api.letsencrypt.org/directory',
  } as Option<string>,
  acmeEmail: textOption('ADDRESS', 'where the CA may write about the account', 'an e-mail address'),
  acmeCa: pathOption('FILE', "CA of the directory's own certificate, PEM, when it is none that Node knows"),
  dns: {
    ...urlOption("who keeps the zone: 'aws' for Route 53, or the URL of a pebble-challtestsrv", ['http:', 'https:'], ['aws']),
    preset: 'aws',
  } as Option<string>,
  dnsZone: textOption('DOMAIN', 'the zone of yours that _acme-challenge names are aliases into', 'a domain name'),
  dnsZoneId: textOption('ID', 'of that zone or the one it lies in, in Route 53', 'the id of a hosted zone'),
  dnsServers: textWith(
    'ADDRESSES',
    'who is asked what DNS says; those of the system',
    'addresses, a comma between',
    /^[\d.:[\],a-f]*$/i,
    '',
  ),
  json: shared.json,
  ...where,
  ...sealing,
} satisfies Options;

export type AddValues = Values<typeof certificateAddOptions>;
export type ListValues = Values<typeof certificateListOptions>;
export type RemoveValues = Values<typeof certificateRemoveOptions>;
export type RenewValues = Values<typeof certificateRenewOptions>;
