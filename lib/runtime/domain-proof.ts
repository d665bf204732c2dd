/**
 * How whoever asks for a tenant shows that the domain is theirs, where the operator wants that: a TXT record whose text nobody else can know. It
 * follows from the tenant's secret, so that another tenant of the domain, added later, has another one.
 */
import { domainToASCII } from 'node:url';
import { keyedDigest } from './secrets.ts';
import type { Tenant } from './tenants.ts';

export interface ProofRecord {
  /** In A-labels, without a dot at the end. */
  readonly name: string;
  readonly text: string;
}

export function proofRecord({ domain, secret }: Pick<Tenant, 'domain' | 'secret'>): ProofRecord {
  return {
    name: `_skylark-proof.${domainToASCII(domain)}`,
    text: `skylark-proof=${keyedDigest(secret, 'domain proof', domain)}`,
  };
}
