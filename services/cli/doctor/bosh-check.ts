/** Checks BOSH (XEP-0124) where host-meta names it: begins a session, ends it, and looks whether pages of any origin may. */
import { xml } from '../../../lib/xmpp/element.ts';
import { NS_STREAM } from '../../../lib/xmpp/scanner.ts';
import { Stanza } from '../../../lib/xmpp/stanza.ts';
import type { Patient } from './client-check.ts';
import { shown } from './findings.ts';
import { fetchPage } from './https-page.ts';
import type { Names } from './names.ts';
import { BadPeer } from './peer-stream.ts';
import { whyOf } from './reasons.ts';

const NS_HTTPBIND = 'http://jabber.org/protocol/httpbind';
/** It need not be secret: the session has no account and ends at once. */
const firstRid = 1_000_000_000;

export async function checkBosh(url: string, patient: Patient, names: Names): Promise<void> {
  const { domain, findings } = patient;
  const subject = shown(url);
  if (URL.parse(url)?.protocol !== 'https:') {
    findings.fail(subject, 'BOSH is not over https://', 'name one over TLS: passwords go over it');
    return;
  }
  const ask = async (rid: number, attributes: Readonly<Record<string, string>>) => {
    const body = xml('body', { xmlns: NS_HTTPBIND, rid: `${rid}`, ...attributes });
    const page = await fetchPage(url, patient, names, `${body}`);
    if (page.status !== 200) throw new BadPeer(`the server answers with status ${page.status}`);
    return { page, body: readBody(page.text) };
  };
  const version = { 'xmpp:version': '1.0', 'xmlns:xmpp': 'urn:xmpp:xbosh' };
  try {
    const { page, body } = await ask(firstRid, { to: domain, ver: '1.6', wait: '5', hold: '1', ...version });
    const { sid, condition } = body.attributes;
    if (sid === undefined) throw new BadPeer(`no session begins: ${shown(condition ?? 'the answer has no sid')}`);
    const hasFeatures = body.hasChild('features', NS_STREAM);
    await ask(firstRid + 1, { sid, type: 'terminate' });
    if (!page.anyOrigin) {
      findings.fail(subject, 'Access-Control-Allow-Origin: * is missing', 'add it, or clients of other pages cannot use it');
    } else findings.ok(subject, `begins a session${hasFeatures ? ' with features' : ''} (XEP-0124), for any origin`);
  } catch (error) {
    findings.fail(subject, ...whyOf(error));
  }
}

function readBody(text: string): Stanza {
  try {
    const body = Stanza.parse(text, { defaultNs: '' });
    if (body.name === 'body' && body.ns === NS_HTTPBIND) return body;
  } catch {
    // the same as another element
  }
  throw new BadPeer('the answer is not a <body/> of XEP-0124');
}
