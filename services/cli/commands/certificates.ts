/** `skylark certificate add|list|remove` change and list the certificates of tenants in the store. */
import { readFileSync, statSync } from 'node:fs';
import type { z } from 'zod';
import { portLimits } from '../../../lib/ports/limits.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { certificateAdd, certificateList, certificateRemove, certificateShow } from '../../router/operations/certificates.ts';
import { openKeys } from '../compose/certificate-keys.ts';
import { findDataFolder } from '../compose/data-folder.ts';
import { reasonOf, say, UsageError } from '../core/report.ts';
import { type AdminClient, openAdmin, openCloudAdmin } from './admin-client.ts';
import { adminOf, atMostOne, withAdmin } from './admin-command.ts';
import type { AddValues, ListValues, RemoveValues } from './certificate-options.ts';

export async function addCertificate(values: AddValues, positionals: readonly string[]): Promise<number> {
  const domain = domainOf('certificate add', positionals);
  const chain = readPem('--cert', values.cert, runtimeLimits.certificateBytesMax);
  const key = readPem('--key', values.key, portLimits.sealedBytesMax);
  return withAdmin(sealingAdminOf(values), async (admin) => {
    const { names, daysLeft } = await admin.ask(certificateAdd, { domain, chain, key });
    say(`added a certificate of ${domain} for ${names.join(', ')}; ${daysLeft} days left`);
  });
}

export async function removeCertificate(values: RemoveValues, positionals: readonly string[]): Promise<number> {
  const domain = domainOf('certificate remove', positionals);
  return withAdmin(adminOf(values), async (admin) => {
    await admin.ask(certificateRemove, { domain });
    say(`removed the certificate of ${domain}`);
  });
}

export async function listCertificates(values: ListValues, positionals: readonly string[]): Promise<number> {
  const only = atMostOne('certificate list', positionals);
  const domain = only === undefined ? undefined : domainOf('certificate list', positionals);
  const tell = (one: Described) => say(values.json ? JSON.stringify(one) : line(one));
  return withAdmin(adminOf(values), async (admin) => {
    if (domain !== undefined) {
      const { certificate } = await admin.ask(certificateShow, { domain });
      if (certificate !== undefined) tell({ domain, ...certificate });
      return;
    }
    for (let after: string | undefined; ; ) {
      const page = await admin.ask(certificateList, after === undefined ? {} : { after });
      page.certificates.forEach(tell);
      after = page.next;
      if (after === undefined) return;
    }
  });
}

type Described = z.output<typeof certificateAdd.output>;

function line({ domain, names, source, daysLeft, issuer }: Described): string {
  return `${domain}  ${source}  ${daysLeft} days left  ${names.join(' ')}${issuer === undefined ? '' : `  by ${issuer}`}`;
}

/** A service that runs seals with its own key. This process needs one for the tables, and where none runs. */
function sealingAdminOf(values: AddValues): () => Promise<AdminClient> {
  const { dynamodb, region, tablePrefix } = values;
  if (dynamodb !== undefined) return async () => openCloudAdmin({ dynamodb, region, tablePrefix }, await openKeys(values));
  const folder = findDataFolder(values.data);
  return () => openAdmin(folder, () => openKeys(values, folder));
}

/** @returns the DOMAIN argument, prepared as a JID's domain. @throws {UsageError} */
export function domainOf(command: string, positionals: readonly string[]): string {
  const [text, ...rest] = positionals;
  if (text === undefined) throw new UsageError(`'skylark ${command}' needs a DOMAIN; see: skylark help ${command}`);
  if (rest.length > 0) throw new UsageError(`'${rest[0]}' is an unexpected argument; see: skylark help ${command}`);
  const domain = Jid.tryDomain(text);
  if (domain === undefined) throw new UsageError(`'${text}' is not a domain name`);
  return domain;
}

/** @throws {UsageError} when the file cannot be read or is too large */
function readPem(flag: string, path: string | undefined, bytesMax: number): string {
  if (path === undefined) throw new UsageError(`${flag} is needed; it takes the path of a file in PEM`);
  try {
    if (statSync(path).size <= bytesMax) return readFileSync(path, 'utf8');
  } catch (error) {
    throw new UsageError(`${flag}: '${path}' cannot be read: ${reasonOf(error)}`);
  }
  throw new UsageError(`${flag}: '${path}' has more than ${bytesMax} bytes`);
}
