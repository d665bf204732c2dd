/** Skylark and Debian's ejabberd are each other's servers: proved by dialback alone, and by certificates alone. */
import { featuresAcross } from './federation-features.ts';

// ejabberd 23.01 has no XEP-0198 between servers, so it is pinged; and it sends no presence when somebody is blocked.
const expected = { hasAcks: false, isPresenceBlocked: false, version: /ejabberd/ };
featuresAcross('ejabberd', 'dialback alone', { ...expected, letIn: /Accepted inbound s2s dialback authentication a\.example/ });
featuresAcross('ejabberd', 'certificates alone', {
  ...expected,
  letIn: /Accepted inbound s2s EXTERNAL authentication a\.example/,
});
