/** The fields that several operations take, and the accounts and tenants that they name. */
import { z } from 'zod';
import { needing } from '../../../lib/runtime/field-rights.ts';
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { isTenantRight } from '../../../lib/runtime/rights.ts';
import { type Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { Jid } from '../../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../../lib/xmpp/limits.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { prepareName } from '../sasl/credentials.ts';
import { operationLimits } from './limits.ts';
import { Refusal } from './refusal.ts';

const text = z.string().min(1);

export const domainInput = text.transform((given, context) => {
  try {
    const { domain } = Jid.of('', given);
    if (domain.length <= xmppLimits.domainCharactersMax) return domain;
  } catch (error) {
    if (!(error instanceof StanzaError)) throw error;
  }
  context.addIssue(`'${given}' is not a domain name`);
  return z.NEVER;
});

/** The name of a cell, as the stacks have it. */
export const cellInput = z.string().regex(/^[a-z][a-z0-9-]{0,19}$/);

/** The bare address of an account. */
export const accountInput = text.transform((given, context) => {
  const jid = Jid.tryParse(given);
  if (jid && jid.local !== '' && jid.isBare) return jid;
  context.addIssue(`'${given}' is not the address of an account, such as juliet@example.org`);
  return z.NEVER;
});

/** Marks a field whose value is kept nowhere, such as in the audit log. */
const secret = { isSecret: true } as const;

export const passwordInput = text.meta(secret);

/** A secret that is given once, to whoever asked. */
export const secretOutput = z.string().meta(secret);

/**
 * A text in PEM. It is kept nowhere, also where it is a certificate: people paste a private key into the wrong field, or a file with both.
 */
export const pemInput = text.max(runtimeLimits.certificateBytesMax).meta({ ...secret, isDocument: true });

/** Sealed by whoever asks. */
export const sealedInput = text.max(xmppLimits.stanzaBytesMax).meta(secret);

/** What somebody has besides the role: the content of messages is shown to nobody else. */
export const contentInput = z
  .boolean()
  .optional()
  .describe('may also read messages that were reported; each look stands in the audit log')
  .meta(needing('tenant.own'));

/** The fields of an operation's input that are secret. */
export function secretFields(input: z.ZodType): ReadonlySet<string> {
  const { shape } = input as Partial<z.ZodObject>;
  const fields = Object.entries(shape ?? {}).filter(([, schema]) => (schema as z.ZodType).meta()?.isSecret === true);
  return new Set(fields.map(([name]) => name));
}

/** What people are told. */
export const noticeInput = {
  subject: text.max(operationLimits.noticeSubjectCharactersMax).optional().describe('the subject of the message'),
  text: text.max(operationLimits.noticeTextCharactersMax).describe('what people are told').meta({ isDocument: true }),
};

/** The last entry of the page before; absent for the first page. */
export const afterInput = z.string().optional();

/** The rows as they are now: an operator must not be told what a cache knew a second ago. */
export function uncached(dependencies: Dependencies): Tenants {
  return new Tenants(dependencies.store, dependencies.clock, { seesUnproven: true });
}

/** The tenant that an operation is about, if there is such a tenant. */
export async function tenantNamed(
  { tenants }: Dependencies,
  { right }: Pick<OperationDescription, 'right'>,
  input: unknown,
): Promise<string | undefined> {
  const domain = isTenantRight(right) ? domainOf(input) : undefined;
  return domain !== undefined && (await tenants.find(domain)) !== undefined ? domain : undefined;
}

/** The tenant that an input names, by `domain` or `jid`. */
export function domainOf(input: unknown): string | undefined {
  const { domain, jid } = input as { readonly domain?: unknown; readonly jid?: unknown };
  if (typeof domain === 'string') return domain;
  return jid instanceof Jid ? jid.domain : undefined;
}

/** @throws {Refusal} */
export async function findTenant(dependencies: Dependencies, domain: string): Promise<Tenant> {
  const tenant = await uncached(dependencies).find(domain);
  if (!tenant) throw new Refusal('absent', `there is no tenant '${domain}'; add it with: skylark tenant add ${domain}`);
  return tenant;
}

/** The tenant of an address that an account can have. @throws {Refusal} */
export async function tenantOf(dependencies: Dependencies, jid: Jid): Promise<Tenant> {
  const tenant = await findTenant(dependencies, jid.domain);
  if (prepareName(jid.local, tenant) === undefined) throw new Refusal('invalid', `'${jid}' is too long for an account`);
  return tenant;
}

export function noAccount(jid: Jid): Refusal {
  return new Refusal('absent', `there is no account '${jid}'; add it with: skylark user add ${jid}`);
}
