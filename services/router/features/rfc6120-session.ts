/**
 * RFC 6120 §7: the stream feature of resource binding, which sessions/bind.ts carries out. Also the session request of RFC 3921
 * §3, which does nothing and is announced as optional.
 */
import type { AccountFeature } from '../core/feature.ts';

const NS = 'urn:ietf:params:xml:ns:xmpp-session';
const nothing = () => undefined;

export const session: AccountFeature = {
  spec: 'RFC 6120',
  version: '2011',
  title: 'XMPP Core: streams, SASL, resource binding',
  unboundFeatures: [
    "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
    // COMPAT: clients of RFC 3921 (libpurple, old versions of Smack) ask for a session. Remove this when nobody uses them.
    `<session xmlns='${NS}'><optional/></session>`,
  ],
  iq: [{ type: 'set', ns: NS, name: 'session', to: 'self', forGuests: true, handle: nothing }],
  hostIq: [{ type: 'set', ns: NS, name: 'session', forGuests: true, handle: nothing }],
};
