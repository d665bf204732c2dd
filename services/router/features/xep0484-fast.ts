/**
 * XEP-0484: Fast Authentication Streamlining Tokens. What it offers is here; the exchange is in sasl/tokens.ts. Left out on
 * purpose: TLS early data (§3.4), in which a request could be replayed.
 */
import type { AccountFeature } from '../core/feature.ts';
import { NS_FAST as NS, tokenMechanisms } from '../sasl/tokens.ts';

export const fast: AccountFeature = {
  spec: 'XEP-0484',
  version: '0.2.0',
  title: 'Fast Authentication Streamlining Tokens',
  note: 'HT-SHA-256-EXPR, -ENDP and -NONE. Without TLS early data. A new password ends all tokens. Up to four tokens of a client that it has not used are valid.',
  signInOffer(dependencies, tenant, stream) {
    const names = tokenMechanisms(dependencies, tenant, stream);
    const list = names.map((name) => `<mechanism>${name}</mechanism>`).join('');
    return list === '' ? '' : `<fast xmlns='${NS}'>${list}</fast>`;
  },
};
