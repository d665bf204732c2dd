/** The page of the web client: Converse.js, which signs in over WebSocket. It looks like the tenant whose page it is. */
import { html } from 'hono/html';
import type { Tenant } from '../../lib/runtime/tenants.ts';
import { brandStyle, logoOf, nameOf } from './people/brand.ts';
import type { Html } from './people/layout.ts';
import type { Language, PageTexts } from './people/texts.ts';

/** @param tenant undefined: `domain` is the default one, and has not been added yet */
export function clientPage(texts: PageTexts, domain: string, tenant: Tenant | undefined): Html {
  const logo = tenant && logoUrl(tenant);
  return html`<!doctype html>
<html lang="${texts.language}">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <title>${tenant === undefined ? domain : nameOf(tenant)}</title>
    <link rel="icon" href="${logo ?? 'data:,'}" />
    <link rel="stylesheet" href="/client/converse.min.css" />
    <link rel="stylesheet" href="/client.css" />
    <script src="/client/converse.min.js" defer type="module"></script>
    <script src="/client.js" defer type="module"></script>
  </head>
  <body class="converse-fullscreen" data-domain="${domain}">
    <noscript>${texts.of('client.noScript', { domain })}</noscript>
    <div id="conversejs-bg"></div>
  </body>
</html>`;
}

/** The picture itself, because the function on AWS has no page of its own for it. */
function logoUrl(tenant: Tenant): string | undefined {
  const logo = logoOf(tenant);
  return logo && `data:${logo.type};base64,${logo.bytes.toString('base64')}`;
}

/** What comes after the client's own style. Without a tenant, or without colours of its own, the colours are those of the pages of invites. */
export function clientStyle(tenant: Tenant | undefined): string {
  return `${brandStyle(tenant?.policy ?? { brandColour: '', brandBackground: '' })}
.tenant-brand { display: flex; justify-content: center; align-items: center; gap: 0.8rem; max-width: 40rem; margin: 1rem auto; padding: 1rem; border-radius: 12px; background: var(--banner); color: var(--on-banner); font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
.tenant-brand img { max-height: 3rem; max-width: 10rem; }
.tenant-links { display: flex; justify-content: center; flex-wrap: wrap; gap: 1rem; padding: 1rem; }
#conversejs .logged-out converse-footer { display: block !important; }
#conversejs .btn-primary { background-color: var(--brand) !important; border-color: var(--brand) !important; color: var(--on-brand) !important; }
#conversejs .btn-primary:hover { filter: brightness(0.9); }
`;
}

/** The names of the client's own translations. */
const translations: Readonly<Record<Language, string>> = { en: 'en', zh: 'zh_CN' };

export interface ClientSettings {
  readonly texts: PageTexts;
  readonly domain: string;
  /** undefined: `domain` is the default one, and has not been added yet. */
  readonly tenant: Tenant | undefined;
  readonly hasConsole: boolean;
  readonly webSocketPath: string;
  /** The WebSocket URL when it is on another host. */
  readonly webSocketUrl?: string | undefined;
}

/** Everything is loaded from this service: the page makes no request to another host. */
export function clientScript({ texts, domain, tenant, hasConsole, webSocketPath, webSocketUrl }: ClientSettings): string {
  const settings = {
    view_mode: 'fullscreen',
    assets_path: '/client/',
    discover_connection_methods: false,
    allow_registration: tenant?.policy.registration === 'open',
    registration_domain: domain,
    domain_placeholder: domain,
    default_domain: domain,
    locked_muc_domain: false,
    muc_domain: `conference.${domain}`,
    providers_link: '',
    auto_reconnect: true,
    allow_non_roster_messaging: true,
    message_archiving: 'always',
    i18n: translations[texts.language],
    loglevel: 'warn',
  };
  const brand = { name: tenant === undefined ? domain : nameOf(tenant), logo: tenant && logoUrl(tenant) };
  return `const settings = ${JSON.stringify(settings)};
const brand = ${JSON.stringify(brand)};
const links = ${JSON.stringify(linksFor(texts, tenant, hasConsole))};
const element = (name, properties, ...children) => {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
};
// The client defines no element that is there already. Its own banner, menu and footer lead to its vendor, and load pictures from there.
customElements.define('converse-controlbox-navbar', class extends HTMLElement {});
customElements.define('converse-brand-logo', class extends HTMLElement {
  connectedCallback() {
    const logo = brand.logo === undefined ? [] : [element('img', { src: brand.logo, alt: '' })];
    this.replaceChildren(element('div', { className: 'tenant-brand' }, ...logo, element('span', { textContent: brand.name })));
  }
});
customElements.define('converse-footer', class extends HTMLElement {
  connectedCallback() {
    this.replaceChildren(element('nav', { className: 'tenant-links' }, ...links.map(({ href, text }) => element('a', { href, textContent: text }))));
  }
});
settings.websocket_url = ${
    webSocketUrl === undefined
      ? `(location.protocol === 'https:' ? 'wss://' : 'ws://') + location.host + ${JSON.stringify(webSocketPath)}`
      : JSON.stringify(webSocketUrl)
  };
converse.initialize(settings);
`;
}

/** Where registration is open, the client itself links to its form. */
function linksFor(texts: PageTexts, tenant: Tenant | undefined, hasConsole: boolean) {
  const { registration = 'closed', registrationUrl = '' } = tenant?.policy ?? {};
  return [
    ...(registration === 'web' && registrationUrl !== '' ? [{ href: registrationUrl, text: texts.of('client.register') }] : []),
    ...(hasConsole && tenant !== undefined && tenant.policy.invites !== 'nobody'
      ? [{ href: `/console/tenants/${encodeURIComponent(tenant.domain)}/invites`, text: texts.of('client.invite') }]
      : []),
    ...(hasConsole ? [{ href: '/console', text: texts.of('client.console') }] : []),
  ];
}
