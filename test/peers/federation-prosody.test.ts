/** Skylark and Debian's prosody are each other's servers: proved by dialback alone, by certificates alone, and over TLS from the first byte. */
import { featuresAcross } from './federation-features.ts';

// Prosody 0.12 offers XEP-0198 when a stream begins anew behind SASL, and never behind dialback: there it is pinged.
const prosody = { isPresenceBlocked: true, version: /Prosody/ };
const called = { ...prosody, letIn: /Outgoing s2s connection b\.example->a\.example complete/, hasAcks: false };
const certified = { ...prosody, letIn: /Accepting SASL EXTERNAL identity from a\.example/, hasAcks: true };

featuresAcross('prosody', 'dialback alone', called);
featuresAcross('prosody', 'certificates alone', certified);
featuresAcross('prosody', 'direct TLS', certified);
