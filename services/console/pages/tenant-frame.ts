/** The frame of the pages about one tenant: its tabs, and the way back to the list. */
import { html } from 'hono/html';
import type { Html } from '../core/form.ts';
import { page, tenantPath } from '../core/layout.ts';
import { mayDo, type View } from '../core/view.ts';

/** The pages about a tenant, each with the operation that it shows: who may not do it is not shown the page. */
const tabs = {
  policy: 'tenant-show',
  accounts: 'user-list',
  roles: 'role-list',
  invites: 'invite-list',
  reports: 'report-list',
  rooms: 'room-list',
  'roster-groups': 'roster-group-list',
  announcements: 'announcement-list',
  dns: 'certificate-show',
  components: 'component-list',
  webhooks: 'webhook-list',
  peers: 'peer-tenant-list',
  audit: 'audit-tenant-list',
} as const;
export type Tab = keyof typeof tabs;

export function tenantFrame(
  view: View,
  domain: string,
  current: Tab,
  body: unknown,
  title: string = domain,
  trail: readonly { readonly label: string; readonly path: string }[] = [],
): Html {
  const { texts, who } = view;
  const isOperator = who.domain === undefined;
  const base = tenantPath(domain);
  const shown = (Object.keys(tabs) as Tab[]).filter((tab) => mayDo(view, tabs[tab]));
  const links = shown.map((tab) => {
    const path = tab === 'policy' ? base : `${base}/${tab}`;
    return html`<li><a href="${path}"${tab === current ? html` aria-current="page"` : ''}>${texts.of(`nav.${tab}`)}</a></li>`;
  });
  return page(view, {
    title,
    nav: isOperator ? 'tenants' : current,
    trail: [...(isOperator ? [{ label: texts.of('nav.tenants'), path: '/console/tenants' }] : []), ...trail],
    tabs: html`<nav class="tabs" aria-label="${texts.of('nav.tabs', { domain })}"><ul>${links}</ul></nav>`,
    body,
  });
}
