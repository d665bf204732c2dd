/** What a model client writes (RFC 7395, RFC 6120, XEP-0198, XEP-0045). */
const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SASL2 = 'urn:xmpp:sasl:2';
const NS_SM = 'urn:xmpp:sm:3';
const NS_CSI = 'urn:xmpp:csi:0';
const NS_MUC = 'http://jabber.org/protocol/muc';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const say = {
  open: (account: string) => `<open xmlns='${NS_FRAMING}' to='${account.slice(account.indexOf('@') + 1)}' version='1.0'/>`,
  close: `<close xmlns='${NS_FRAMING}'/>`,
  auth: (first: string) => `<auth xmlns='${NS_SASL}' mechanism='SCRAM-SHA-256'>${base64(first)}</auth>`,
  /** XEP-0388, with XEP-0198 §7.2 for a client that has a session to resume. */
  authenticate: (first: string, resume = '') =>
    `<authenticate xmlns='${NS_SASL2}' mechanism='SCRAM-SHA-256'><initial-response>${base64(first)}</initial-response>${resume}</authenticate>`,
  response: (final: string, isModern: boolean) =>
    `<response xmlns='${isModern ? NS_SASL2 : NS_SASL}'>${base64(final)}</response>`,
  bind: (resource: string) =>
    `<iq xmlns='jabber:client' type='set' id='bind'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>${resource}</resource></bind></iq>`,
  enable: `<enable xmlns='${NS_SM}' resume='true'/>`,
  resume: (id: string, received: number) => `<resume xmlns='${NS_SM}' previd='${id}' h='${received}'/>`,
  request: `<r xmlns='${NS_SM}'/>`,
  acknowledge: (received: number) => `<a xmlns='${NS_SM}' h='${received}'/>`,
  active: `<active xmlns='${NS_CSI}'/>`,
  inactive: `<inactive xmlns='${NS_CSI}'/>`,
  presence: (status: string, priority: number) =>
    `<presence xmlns='jabber:client' id='${status}'><status>${status}</status>${priority === 0 ? '' : `<priority>${priority}</priority>`}</presence>`,
  message: (type: string, to: string, id: string) =>
    `<message xmlns='jabber:client' type='${type}' to='${to}' id='${id}'><body>${id}</body></message>`,
  private: (to: string, id: string) =>
    `<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>${id}</body><x xmlns='${NS_MUC}#user'/></message>`,
  join: (room: string, nick: string) => `<presence xmlns='jabber:client' to='${room}/${nick}'><x xmlns='${NS_MUC}'/></presence>`,
  /** XEP-0045 §10.1.2: takes the configuration as it is. */
  openRoom: (room: string) =>
    `<iq xmlns='jabber:client' type='set' to='${room}' id='open'><query xmlns='${NS_MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
};
