/** The page of the web client: Converse.js, which signs in over WebSocket. */
import { html } from 'hono/html';

export function clientPage(domain: string) {
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>Chat on ${domain}</title>
    <link rel="stylesheet" href="/client/converse.min.css" />
    <script src="/client/converse.min.js" defer type="module"></script>
    <script src="/client.js" defer type="module"></script>
  </head>
  <body class="converse-fullscreen" data-domain="${domain}">
    <noscript>This page is a chat client and needs JavaScript. Any XMPP client works too: the domain is ${domain}.</noscript>
    <div id="conversejs-bg"></div>
  </body>
</html>`;
}

export interface ClientSettings {
  readonly domain: string;
  readonly mayRegister: boolean;
  readonly webSocketPath: string;
  /** The WebSocket URL when it is on another host. */
  readonly webSocketUrl?: string | undefined;
}

/** Everything is loaded from this service: the page makes no request to another host. */
export function clientScript({ domain, mayRegister, webSocketPath, webSocketUrl }: ClientSettings): string {
  const settings = {
    view_mode: 'fullscreen',
    assets_path: '/client/',
    discover_connection_methods: false,
    allow_registration: mayRegister,
    registration_domain: domain,
    domain_placeholder: domain,
    default_domain: domain,
    locked_muc_domain: false,
    muc_domain: `conference.${domain}`,
    providers_link: '',
    auto_reconnect: true,
    allow_non_roster_messaging: true,
    message_archiving: 'always',
    i18n: 'en',
    loglevel: 'warn',
  };
  return `const settings = ${JSON.stringify(settings)};
// The client's own footer loads pictures from other hosts.
customElements.define('converse-footer', class extends HTMLElement {});
settings.websocket_url = ${
    webSocketUrl === undefined
      ? `(location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + ${JSON.stringify(webSocketPath)}`
      : JSON.stringify(webSocketUrl)
  };
converse.initialize(settings);
`;
}
