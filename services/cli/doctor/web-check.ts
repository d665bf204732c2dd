/**
 * Checks what clients in browsers need: host-meta over HTTPS at the domain itself, readable from any origin (XEP-0156), and the
 * WebSocket that it names (RFC 7395).
 */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { WebSocket } from 'ws';
import { escapeAttribute, parseElement } from '../../../lib/xmpp/element.ts';
import { FrameScanner } from '../../../lib/xmpp/frame-scanner.ts';
import { openBounds } from '../../../lib/xmpp/scanner.ts';
import { programLimits } from '../limits.ts';
import { type Patient, trust } from './client-check.ts';
import { shown } from './findings.ts';
import type { Names } from './names.ts';
import { BadPeer } from './peer-stream.ts';
import { whyOf } from './reasons.ts';

const webSocketRel = 'urn:xmpp:alt-connections:websocket';
const NS_FRAMING = 'urn:ietf:params:xml:ns:xmpp-framing';

interface Page {
  readonly status: number;
  readonly text: string;
  readonly anyOrigin: boolean;
}

export async function checkWeb(patient: Patient, names: Names, port: number): Promise<void> {
  const { domain, findings } = patient;
  const host = port === 443 ? domain : `${domain}:${port}`;
  const found = new Map<string, string>();
  for (const [url, read] of [
    [`https://${host}/.well-known/host-meta.json`, linkOfJson],
    [`https://${host}/.well-known/host-meta`, linkOfXml],
  ] as const) {
    try {
      const page = await fetchPage(url, patient, names);
      if (page.status !== 200) {
        findings.warn(url, `the server answers with status ${page.status}`, 'serve what `skylark dns` prints at its end');
        continue;
      }
      const link = read(page.text);
      if (link === undefined) {
        findings.warn(url, 'it names no WebSocket', 'serve what `skylark dns` prints at its end');
        continue;
      }
      if (page.anyOrigin) findings.ok(url, `names ${shown(link)}, for any origin`);
      else findings.fail(url, 'Access-Control-Allow-Origin: * is missing', 'add it, or clients of other pages cannot read it');
      found.set(link, url);
    } catch (error) {
      const [text, advice] = whyOf(error);
      findings.warn(url, text, `${advice}; only clients in browsers need this`);
    }
  }
  if (found.size > 1) findings.warn(domain, 'the two host-metas name different WebSockets', 'make them the same');
  for (const url of found.keys()) await checkWebSocket(url, patient, names);
}

function linkOfJson(text: string): string | undefined {
  try {
    const { links } = JSON.parse(text) as { links?: readonly { rel?: unknown; href?: unknown }[] };
    const link = Array.isArray(links) ? links.find((one) => one?.rel === webSocketRel) : undefined;
    return typeof link?.href === 'string' ? link.href : undefined;
  } catch {
    throw new BadPeer('it is not JSON');
  }
}

function linkOfXml(text: string): string | undefined {
  try {
    const root = parseElement(text.replace(/^\s*<\?xml[^>]*\?>/, ''));
    return root.getChildren('Link').find(({ attrs }) => attrs.rel === webSocketRel)?.attrs.href;
  } catch {
    throw new BadPeer('it is not XML');
  }
}

/** Resolves hosts of HTTPS and WebSocket requests with the same DNS server as the other checks. */
function lookupBy(names: Names): LookupFunction {
  return (host, options, done) => {
    names.addresses(host).then(
      (answer) => {
        const [address] = answer.kind === 'found' ? answer.values : [];
        if (address === undefined) {
          done(Object.assign(new Error(`${shown(host)} has no address`), { code: 'ENOTFOUND' }), '', 0);
          return;
        }
        const family = address.includes(':') ? 6 : 4;
        if (options.all) (done as (error: null, list: object[]) => void)(null, [{ address, family }]);
        else done(null, address, family);
      },
      (error: NodeJS.ErrnoException) => done(error, '', 0),
    );
  };
}

/** Follows a bounded number of redirects, and only to HTTPS. @throws {BadPeer | TooSlow | Error} */
async function fetchPage(url: string, patient: Patient, names: Names): Promise<Page> {
  let next = url;
  for (let redirects = 0; redirects <= programLimits.doctorRedirectsMax; redirects++) {
    const { response, page } = await fetchOnce(next, patient, names);
    const { location } = response.headers;
    if (page.status < 300 || page.status >= 400 || location === undefined) return page;
    const target = URL.parse(location, next);
    if (target?.protocol !== 'https:') throw new BadPeer(`it redirects to ${shown(location)}, which is not HTTPS`);
    next = target.href;
  }
  throw new BadPeer('it redirects again and again');
}

async function fetchOnce(
  url: string,
  { deadline, ca }: Patient,
  names: Names,
): Promise<{ readonly response: IncomingMessage; readonly page: Page }> {
  let sent: ClientRequest | undefined;
  const work = async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      sent = request(url, { lookup: lookupBy(names), headers: { origin: 'https://elsewhere.invalid' }, ...trust(ca) }, resolve);
      sent.on('error', reject);
      sent.end();
    });
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of response) {
      bytes += (chunk as Buffer).length;
      if (bytes > programLimits.doctorBodyBytesMax)
        throw new BadPeer(`it has more than ${programLimits.doctorBodyBytesMax} bytes`);
      chunks.push(chunk as Buffer);
    }
    const anyOrigin = response.headers['access-control-allow-origin'] === '*';
    return { response, page: { status: response.statusCode ?? 0, text: Buffer.concat(chunks).toString(), anyOrigin } };
  };
  try {
    return await deadline.step(`the answer of ${shown(url)}`, work(), () => sent?.destroy());
  } finally {
    sent?.destroy();
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
