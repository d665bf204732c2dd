/**
 * Checks what clients in browsers need: host-meta over HTTPS at the domain itself, readable from any origin (XEP-0156), and the
 * WebSocket (RFC 7395) and BOSH (XEP-0124) that it names.
 */
import { WebSocket } from 'ws';
import { escapeAttribute, parseElement } from '../../../lib/xmpp/element.ts';
import { FrameScanner } from '../../../lib/xmpp/frame-scanner.ts';
import { openBounds } from '../../../lib/xmpp/scanner.ts';
import { programLimits } from '../limits.ts';
import { checkBosh } from './bosh-check.ts';
import { type Patient, trust } from './client-check.ts';
import { shown } from './findings.ts';
import { fetchPage, lookupBy } from './https-page.ts';
import type { Names } from './names.ts';
import { BadPeer } from './peer-stream.ts';
import { whyOf } from './reasons.ts';

const rels = { webSocket: 'urn:xmpp:alt-connections:websocket', bosh: 'urn:xmpp:alt-connections:xbosh' } as const;
const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

interface Links {
  readonly webSocket: string | undefined;
  readonly bosh: string | undefined;
}

export async function checkWeb(patient: Patient, names: Names, port: number): Promise<void> {
  const { domain, findings } = patient;
  const host = port === 443 ? domain : `${domain}:${port}`;
  const found = { webSocket: new Set<string>(), bosh: new Set<string>() };
  for (const [url, read] of [
    [`https://${host}/.well-known/host-meta.json`, linksOfJson],
    [`https://${host}/.well-known/host-meta`, linksOfXml],
  ] as const) {
    try {
      const page = await fetchPage(url, patient, names);
      if (page.status !== 200) {
        findings.warn(url, `the server answers with status ${page.status}`, 'serve what `skylark dns` prints at its end');
        continue;
      }
      const { webSocket: link, bosh } = read(page.text);
      if (bosh !== undefined) found.bosh.add(bosh);
      if (link === undefined) {
        findings.warn(url, 'it names no WebSocket', 'serve what `skylark dns` prints at its end');
        continue;
      }
      if (page.anyOrigin) findings.ok(url, `names ${shown(link)}, for any origin`);
      else findings.fail(url, 'Access-Control-Allow-Origin: * is missing', 'add it, or clients of other pages cannot read it');
      found.webSocket.add(link);
    } catch (error) {
      const [text, advice] = whyOf(error);
      findings.warn(url, text, `${advice}; only clients in browsers need this`);
    }
  }
  if (found.webSocket.size > 1) findings.warn(domain, 'the two host-metas name different WebSockets', 'make them the same');
  for (const url of found.webSocket) await checkWebSocket(url, patient, names);
  for (const url of found.bosh) await checkBosh(url, patient, names);
}

function linksOfJson(text: string): Links {
  try {
    const { links } = JSON.parse(text) as { links?: readonly { rel?: unknown; href?: unknown }[] };
    const hrefOf = (rel: string) => {
      const link = Array.isArray(links) ? links.find((one) => one?.rel === rel) : undefined;
      return typeof link?.href === 'string' ? link.href : undefined;
    };
    return { webSocket: hrefOf(rels.webSocket), bosh: hrefOf(rels.bosh) };
  } catch {
    throw new BadPeer('it is not JSON');
  }
}

function linksOfXml(text: string): Links {
  try {
    const links = parseElement(text.replace(/^\s*<\?xml[^>]*\?>/, '')).getChildren('Link');
    const hrefOf = (rel: string) => links.find(({ attrs }) => attrs.rel === rel)?.attrs.href as string | undefined;
    return { webSocket: hrefOf(rels.webSocket), bosh: hrefOf(rels.bosh) };
  } catch {
    throw new BadPeer('it is not XML');
  }
}

async function checkWebSocket(url: string, { domain, deadline, findings, ca }: Patient, names: Names): Promise<void> {
  const subject = shown(url);
  if (URL.parse(url)?.protocol !== 'wss:') {
    findings.fail(subject, 'the WebSocket is not wss://', 'name one over TLS: passwords go over it');
    return;
  }
  const socket = new WebSocket(url, 'xmpp', {
    maxPayload: programLimits.doctorBodyBytesMax,
    perMessageDeflate: false,
    lookup: lookupBy(names),
    ...trust(ca),
  });
  try {
    await deadline.step('the WebSocket', openFrame(socket, domain), () => socket.terminate());
    findings.ok(subject, 'answers <open/> (RFC 7395)');
  } catch (error) {
    findings.fail(subject, ...whyOf(error));
  } finally {
    socket.terminate();
  }
}

/** Sends `<open/>` and resolves when the server answers with `<open/>` (RFC 7395 §3.3). */
function openFrame(socket: WebSocket, domain: string): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on('error', (error) => reject((error as NodeJS.ErrnoException).code ? error : new BadPeer(shown(error.message))));
    socket.on('close', () => reject(new BadPeer('the server closes the WebSocket')));
    socket.on('open', () => {
      if (socket.protocol !== 'xmpp') reject(new BadPeer("the WebSocket has not the subprotocol 'xmpp'"));
      socket.send(`<open xmlns='${NS_FRAMING}' to='${escapeAttribute(domain)}' version='1.0'/>`);
    });
    socket.once('message', (data) => {
      try {
        const scanner = new FrameScanner({ bounds: openBounds });
        scanner.push(Buffer.from(data as Buffer));
        const event = scanner.next();
        if (event?.name === 'open' && event.ns === NS_FRAMING) resolve();
        else reject(new BadPeer(`the server answers <${shown(event?.name ?? '')}/> instead of <open/>`));
      } catch (error) {
        reject(new BadPeer(`the server sends what no client can take: ${shown((error as Error).message)}`));
      }
    });
  });
}
