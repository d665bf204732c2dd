/** The Lambda's settings from variables, named like the options of `skylark certificate renew`. */
import { isIP } from 'node:net';
import { z } from 'zod';
import { dnsName } from '../../lib/runtime/certificate-names.ts';

const isUrl = (text: string) => ['http:', 'https:'].includes(URL.parse(text)?.protocol ?? '');
const url = z.string().refine(isUrl, 'must be an http:// or https:// URL');
const engine = z.string().refine((text) => text === 'aws' || isUrl(text), "must be 'aws' or a URL");
const needed = z.string('is needed').min(1);
/** Such as `192.0.2.1` or `127.0.0.1:5353`, in the form of `dns.setServers`. */
const servers = z
  .string()
  .transform((text) => text.split(/[\s,]+/).filter((server) => server !== ''))
  .refine(
    (all) => all.every((server) => isIP(server.replace(/:\d+$/, '')) !== 0 || isIP(server) !== 0),
    'must be a list of IP addresses',
  );

const schema = z.object({
  SKYLARK_DYNAMODB: engine.default('aws'),
  SKYLARK_REGION: needed,
  SKYLARK_TABLE_PREFIX: z.string().min(1).default('skylark-'),
  SKYLARK_KMS: engine.default('aws'),
  SKYLARK_KMS_KEY: needed,
  SKYLARK_ACME: url.default('https://acme-v02.api.letsencrypt.org/directory'),
  SKYLARK_ACME_EMAIL: z.email('must be an e-mail address').optional(),
  SKYLARK_ACME_CA: z.string().optional(),
  SKYLARK_DNS: engine.default('aws'),
  SKYLARK_DNS_ZONE_ID: z.string().optional(),
  SKYLARK_DNS_ZONE: needed.refine((text) => dnsName(text) === text, 'must be a domain name such as acme.example.org'),
  SKYLARK_DNS_SERVERS: servers.default([]),
  SKYLARK_LOG_LEVEL: z.string().default('info'),
});

export type Settings = z.infer<typeof schema>;

/** @throws {TypeError} that names each wrong variable and what is wrong with it */
export function readSettings(environment: NodeJS.ProcessEnv, region: string | undefined): Settings {
  const given = Object.entries({ SKYLARK_REGION: region, ...environment }).filter(([, value]) => value !== '');
  const read = schema.safeParse(Object.fromEntries(given));
  const faults = read.error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`) ?? [];
  if (read.data?.SKYLARK_DNS === 'aws' && read.data.SKYLARK_DNS_ZONE_ID === undefined) {
    faults.push('SKYLARK_DNS_ZONE_ID: is needed');
  }
  if (read.data === undefined || faults.length > 0) throw new TypeError(faults.join('; '));
  return read.data;
}
