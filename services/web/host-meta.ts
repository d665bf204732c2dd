/** XEP-0156: Discovering Alternative XMPP Connection Methods, §3 and §4. */
import { xml } from '../../lib/xmpp/element.ts';

const rels = { webSocket: 'urn:xmpp:alt-connections:websocket', bosh: 'urn:xmpp:alt-connections:xbosh' } as const;

/** URLs. */
export interface Links {
  readonly webSocket: string;
  readonly bosh: string | undefined;
}

export function hostMetaXml(links: Links): string {
  const list = linksOf(links).map((link) => xml('Link', link));
  return `<?xml version='1.0' encoding='utf-8'?>\n${xml('XRD', { xmlns: 'http://docs.oasis-open.org/ns/xri/xrd-1.0' }, list)}\n`;
}

export function hostMetaJson(links: Links): object {
  return { links: linksOf(links) };
}

/** WebSocket first: a client that takes the first one that it knows needs fewer requests there. */
function linksOf({ webSocket, bosh }: Links): readonly { readonly rel: string; readonly href: string }[] {
  return [{ rel: rels.webSocket, href: webSocket }, ...(bosh === undefined ? [] : [{ rel: rels.bosh, href: bosh }])];
}
