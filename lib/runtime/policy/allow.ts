/** The other servers that the tenant talks with when `federation` is listed. */
import { domainsKey } from './policy-key.ts';

export const allow = domainsKey('with federation listed: these domains and all below them');
