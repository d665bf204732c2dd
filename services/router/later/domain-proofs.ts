/**
 * Looks for the records that prove domains (lib/runtime/domain-proof.ts), while their tenants wait for it.
 *
 *     #work-<number>  work/<time> …   that it is to be done then (lib/runtime/work-lists.ts)
 *
 * The next look is noted before this one begins, so it goes on whoever dies. All routers note it for the same time, so that there is one.
 */
import { type ProofRecord, proofRecord } from '../../../lib/runtime/domain-proof.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { putWork } from '../../../lib/runtime/work-lists.ts';
import type { Dependencies } from '../core/dependencies.ts';
import { laterLimits } from './limits.ts';

/** The texts of TXT records at a name; none when the name does not exist. */
export type LookUpTexts = (name: string) => Promise<readonly string[]>;

declare module '../core/dependencies.ts' {
  interface Dependencies {
    /** Absent: nobody can prove a domain here. */
    readonly lookUpTexts?: LookUpTexts | undefined;
    /** Tenants have to prove their domains, unless whoever adds them says otherwise. */
    readonly provesDomains?: boolean | undefined;
  }
}

/** Notes when it is looked for next. @throws {Unavailable} */
export async function lookLater({ store, clock }: Dependencies, { domain, createdAt }: Tenant): Promise<void> {
  const { proofMs, proofKeepMs } = laterLimits;
  const nextMs = (Math.floor(clock.now() / proofMs) + 1) * proofMs;
  if (nextMs - Date.parse(createdAt) > proofKeepMs) return;
  await putWork(store, nextMs, { kind: 'proof', domain, id: 'proof' });
}

/** @returns true: this look is over. @throws {Unavailable} */
export async function lookForProof(dependencies: Dependencies, domain: string): Promise<boolean> {
  const tenant = await dependencies.tenants.findAny(domain);
  if (!tenant?.isUnproven) return true;
  await lookLater(dependencies, tenant);
  if ((await findProof(dependencies, tenant)).isThere) {
    await dependencies.tenants.setProven(domain);
    dependencies.log.info({ domain }, 'a domain is proven, and served from now on');
  }
  return true;
}

export interface Proof {
  readonly record: ProofRecord;
  readonly isThere: boolean;
  /** What stands there. */
  readonly texts: readonly string[];
}

/** @throws {Unavailable} when DNS does not answer */
export async function findProof({ lookUpTexts }: Dependencies, tenant: Tenant): Promise<Proof> {
  const record = proofRecord(tenant);
  const texts = (await lookUpTexts?.(record.name)) ?? [];
  return { record, isThere: texts.some((text) => text.trim() === record.text), texts };
}
