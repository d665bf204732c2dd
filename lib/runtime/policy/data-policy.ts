/** What the operator says of how people's data are handled (XEP-0504). What the program knows itself is not asked for. */
import { z } from 'zod';
import { choiceKey, type PolicyKey } from './policy-key.ts';
import { urlKey } from './web-url.ts';

export const termsUrl = urlKey('URL', 'the page with the terms of service', { isOrigin: false });

const readers = [
  ...(['admins', 'moderators', 'organization_member', 'government'] as const),
  ...(['advertisers', 'partners', 'none'] as const),
] as const;

const schema = z
  .array(z.enum(readers))
  .max(readers.length)
  .refine((given) => !given.includes('none') || given.length === 1, { error: "'none' of 'dataAccess' stands alone" });

export const dataAccess: PolicyKey<readonly (typeof readers)[number][]> = {
  schema: schema as unknown as z.ZodType<readonly (typeof readers)[number][], readonly (typeof readers)[number][]>,
  ...{ preset: [], strictest: [], placeholder: 'WHO,…', text: "who can see people's data; 'unsaid' says nothing" },
  allowed: `one or more of ${readers.join(', ')} with commas between them, or 'unsaid'`,
  fromText: (typed) => (typed === 'unsaid' ? [] : [...new Set(typed.split(',').map((one) => one.trim()))]),
};

export const dataEncrypted = choiceKey(['unsaid', 'yes', 'no'], 'whether disks or tables with data are encrypted', {
  preset: 'unsaid',
  strictest: 'unsaid',
});
