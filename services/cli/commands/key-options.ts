/** The options of `skylark key …` and `skylark audit`. */
import { runtimeLimits } from '../../../lib/runtime/limits.ts';
import {
  choiceOption,
  countFromZeroOption,
  countOption,
  type Options,
  optionalCount,
  otherDomainOption,
  switchOption,
} from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

const keyRoles = ['auditor', 'support', 'admin', 'owner', 'operator', 'deployment-owner'] as const;

export const keyAddOptions = {
  tenant: otherDomainOption('the only tenant that the key is for; the default is the whole deployment'),
  access: choiceOption('read|write', "'read': the key may change nothing; the default is read", ['read', 'write']),
  role: choiceOption('ROLE', `whose rights it has: ${keyRoles.join(', ')} (default: admin, operator)`, keyRoles),
  content: { ...switchOption('may also read messages that were reported'), isFlagOnly: true },
  days: optionalCount('how many days the key is valid; by default it does not expire', 3_650),
  ...place,
} satisfies Options;
export const keyRotateOptions = {
  overlapHours: countOption('how many hours the old secret stays valid', 720, 24),
  ...place,
} satisfies Options;
export const keyListOptions = { json, ...place } satisfies Options;
export const keyRemoveOptions = place;
export const auditVerifyOptions = { json } satisfies Options;
export const auditOptions = {
  after: countFromZeroOption('prints only entries with a number above this one', runtimeLimits.auditNumberMax, 0),
  json,
  ...place,
} satisfies Options;
