/** XEP-0156: Discovering Alternative XMPP Connection Methods, §3 and §4. */
import { xml } from '../../lib/xmpp/element.ts';

const webSocketRel = 'urn:xmpp:alt-connections:websocket';

export function hostMetaXml(webSocketUrl: string): string {
  const link = xml('Link', { rel: webSocketRel, href: webSocketUrl });
  return `<?xml version='1.0' encoding='utf-8'?>\n${xml('XRD', { xmlns: 'http://docs.oasis-open.org/ns/xri/xrd-1.0' }, link)}\n`;
}

export function hostMetaJson(webSocketUrl: string): object {
  return { links: [{ rel: webSocketRel, href: webSocketUrl }] };
}
