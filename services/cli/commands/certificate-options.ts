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
  ...shared.rowStoreOptions,
} satisfies Options;
const sealing = { kms: shared.kms, kmsKey: shared.kmsKey, keyFile: shared.keyFile } satisfies Options;

export const certificateAddOptions = {
  cert: pathOption('FILE', 'the certificate followed by its chain, PEM'),
  key: pathOption('FILE', 'the private key of the certificate, PEM'),
  ...where,
  ...sealing,
} satisfies Options;
export const certificateListOptions = { json: shared.json, ...where } satisfies Options;
export const certificateRemoveOptions = where;
export const certificateRenewOptions = {
  force: switchOption('renew it even if it is not due, or waits after a failure'),
  acme: {
    ...urlOption("the CA's ACME directory", ['http:', 'https:']),
    preset: 'https://acme-v02.api.letsencrypt.org/directory',
  } as Option<string>,
  acmeEmail: textOption('ADDRESS', 'the address where the CA reaches you', 'an e-mail address'),
  acmeCa: pathOption('FILE', "the CA of the ACME server's own certificate, PEM, if Node does not know it"),
  dns: {
    ...urlOption("where the zone is: 'aws' for Route 53, or the URL of a pebble-challtestsrv", ['http:', 'https:'], ['aws']),
    preset: 'aws',
  } as Option<string>,
  dnsZone: textOption('DOMAIN', 'your zone to which the _acme-challenge names point', 'a domain name'),
  dnsZoneId: textOption(
    'ID',
    'the id of that hosted zone, or of the one that contains it, in Route 53',
    'the id of a hosted zone',
  ),
  dnsServers: textWith(
    'ADDRESSES',
    'the DNS servers to ask; the default is those of the system',
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
