/** The other servers that the tenant never talks with. */
import { domainsKey } from './policy-key.ts';

export const block = domainsKey('never these domains, and none below them');
