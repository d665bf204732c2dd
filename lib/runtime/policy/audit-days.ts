/** How long entries of the audit log are kept (lib/runtime/audit-retention.ts). */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import { numberKey, type PolicyKey } from './policy-key.ts';

const { auditDaysMin: min, retentionDaysMax: max } = runtimeLimits;

export const auditDays: PolicyKey<number> = {
  ...numberKey('DAYS', `how long entries of the audit log are kept, at least ${min}; 0: for ever`, 0, max),
  schema: z
    .int()
    .min(0)
    .max(max)
    .refine((days) => days === 0 || days >= min, { error: `entries of the audit log are kept for ${min} days at least` }),
  allowed: `0, or a whole number from ${min} to ${max}`,
};
