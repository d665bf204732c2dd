/** What a model client writes (RFC 7395, RFC 6120, XEP-0198, XEP-0045 and others). */
import { pushServer } from './push-server.ts';

const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';
const NS_SASL = 'urn:ietf:params:xml:ns:xmpp-sasl';
const NS_SASL2 = 'urn:xmpp:sasl:2';
const NS_FAST = 'urn:xmpp:fast:0';
const NS_SM = 'urn:xmpp:sm:3';
const NS_CSI = 'urn:xmpp:csi:0';
const NS_MUC = 'http://jabber.org/protocol/muc';

const base64 = (text: string): string => Buffer.from(text).toString('base64');

export const say = {
  open: (account: string) => `<open xmlns='${NS_FRAMING}' to='${account.slice(account.indexOf('@') + 1)}' version='1.0'/>`,
  close: `<close xmlns='${NS_FRAMING}'/>`,
  auth: (first: string) => `<auth xmlns='${NS_SASL}' mechanism='SCRAM-SHA-256'>${base64(first)}</auth>`,
  /** XEP-0388, with XEP-0198 §7.2 for a client that has a session to resume. */
  authenticate: (mechanism: string, initial: Buffer, inline: string) =>
    `<authenticate xmlns='${NS_SASL2}' mechanism='${mechanism}'><initial-response>${initial.toString('base64')}</initial-response>${inline}</authenticate>`,
  userAgent: (id: string) => `<user-agent id='${id}'><software>model</software></user-agent>`,
  requestToken: `<request-token xmlns='${NS_FAST}' mechanism='HT-SHA-256-NONE'/>`,
  fast: (count: number) => `<fast xmlns='${NS_FAST}' count='${count}'/>`,
  inlineBind: (tag: string) => `<bind xmlns='urn:xmpp:bind:0'><tag>${tag}</tag><enable xmlns='${NS_SM}' resume='true'/></bind>`,
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
  /** @param mentions an account (XEP-0372) */
  message: (type: string, to: string, id: string, mentions?: string) =>
    `<message xmlns='jabber:client' type='${type}' to='${to}' id='${id}'><body>${id}</body>${mentions === undefined ? '' : `<reference xmlns='urn:xmpp:reference:0' type='mention' uri='xmpp:${mentions}'/>`}</message>`,
  enablePush: (id: string, account: string, node: string) =>
    `<iq xmlns='jabber:client' type='set' to='${account}' id='${id}'><enable xmlns='urn:xmpp:push:0' jid='${pushServer}' node='${node}'/></iq>`,
  readArchive: (id: string, after: string) =>
    `<iq xmlns='jabber:client' type='set' id='${id}'><query xmlns='urn:xmpp:mam:2'><set xmlns='http://jabber.org/protocol/rsm'><max>50</max>${after === '' ? '' : `<after>${after}</after>`}</set></query></iq>`,
  private: (to: string, id: string) =>
    `<message xmlns='jabber:client' type='chat' to='${to}' id='${id}'><body>${id}</body><x xmlns='${NS_MUC}#user'/></message>`,
  join: (room: string, nick: string) => `<presence xmlns='jabber:client' to='${room}/${nick}'><x xmlns='${NS_MUC}'/></presence>`,
  /** XEP-0045 §10.1.2: takes the configuration as it is. */
  openRoom: (room: string) =>
    `<iq xmlns='jabber:client' type='set' to='${room}' id='open'><query xmlns='${NS_MUC}#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>`,
};
