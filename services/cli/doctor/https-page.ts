/** Fetches what a browser would, with the same DNS server and bounds as the other checks. */
import type { ClientRequest, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { LookupFunction } from 'node:net';
import { programLimits } from '../limits.ts';
import { type Patient, trust } from './client-check.ts';
import { shown } from './findings.ts';
import type { Names } from './names.ts';
import { BadPeer } from './peer-stream.ts';

export interface Page {
  readonly status: number;
  readonly text: string;
  readonly anyOrigin: boolean;
}

/** Resolves hosts of HTTPS and WebSocket requests with the same DNS server as the other checks. */
export function lookupBy(names: Names): LookupFunction {
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

/**
 * Follows a bounded number of redirects, and only to HTTPS.
 * @param body to POST; undefined to GET
 * @throws {BadPeer | TooSlow | Error}
 */
export async function fetchPage(url: string, patient: Patient, names: Names, body?: string): Promise<Page> {
  let next = url;
  for (let redirects = 0; redirects <= programLimits.doctorRedirectsMax; redirects++) {
    const { response, page } = await fetchOnce(next, patient, names, body);
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
  body?: string,
): Promise<{ readonly response: IncomingMessage; readonly page: Page }> {
  let sent: ClientRequest | undefined;
  const work = async () => {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const method = body === undefined ? 'GET' : 'POST';
      const headers = { origin: 'https://elsewhere.invalid', ...(body !== undefined && { 'content-type': 'text/xml' }) };
      sent = request(url, { lookup: lookupBy(names), method, headers, ...trust(ca) }, resolve);
      sent.on('error', reject);
      sent.end(body);
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
