/** All pages, by their paths below `/console`. */
import type { Html } from '../core/form.ts';
import type { View } from '../core/view.ts';
import { consoleLimits } from '../limits.ts';
import { accountPage, accountsPage } from './accounts.ts';
import { announcementsPage } from './announcements.ts';
import { invitesPage } from './invites.ts';
import { auditPage, keysPage } from './keys.ts';
import { nodesPage } from './nodes.ts';
import { operationPage, operationsPage } from './operation.ts';
import { overviewPage } from './overview.ts';
import { peersPage, tenantPeersPage } from './peers.ts';
import { reportsPage } from './reports.ts';
import { rolesPage, tenantRolesPage } from './roles.ts';
import { roomPage, roomsPage } from './rooms.ts';
import { rosterGroupsPage } from './roster-groups.ts';
import { componentsPage, dnsPage, doctorPage, policyPage, tenantsPage } from './tenants.ts';
import { webhooksPage } from './webhooks.ts';

interface Page {
  readonly path: string;
  show(view: View): Html | Promise<Html>;
}

const domainOf = (view: View): string => view.c.req.param('domain')!;
const { doctorsMax, doctorSeconds } = consoleLimits;

export const pages: readonly Page[] = [
  { path: '/', show: overviewPage },
  { path: '/tenants', show: tenantsPage },
  { path: '/tenants/:domain', show: (view) => policyPage(view, domainOf(view)) },
  { path: '/tenants/:domain/accounts', show: (view) => accountsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/accounts/:local', show: (view) => accountPage(view, domainOf(view), view.c.req.param('local')!) },
  { path: '/tenants/:domain/roles', show: (view) => tenantRolesPage(view, domainOf(view)) },
  { path: '/tenants/:domain/invites', show: (view) => invitesPage(view, domainOf(view)) },
  { path: '/tenants/:domain/reports', show: (view) => reportsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/rooms', show: (view) => roomsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/rooms/:room', show: (view) => roomPage(view, domainOf(view), view.c.req.param('room')!) },
  { path: '/tenants/:domain/dns', show: (view) => dnsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/doctor', show: (view) => doctorPage(view, domainOf(view), doctorsMax, doctorSeconds) },
  { path: '/tenants/:domain/webhooks', show: (view) => webhooksPage(view, domainOf(view)) },
  { path: '/tenants/:domain/components', show: (view) => componentsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/peers', show: (view) => tenantPeersPage(view, domainOf(view)) },
  { path: '/tenants/:domain/announcements', show: (view) => announcementsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/roster-groups', show: (view) => rosterGroupsPage(view, domainOf(view)) },
  { path: '/tenants/:domain/audit', show: (view) => auditPage(view, domainOf(view)) },
  { path: '/peers', show: peersPage },
  { path: '/nodes', show: nodesPage },
  { path: '/keys', show: keysPage },
  { path: '/roles', show: rolesPage },
  { path: '/audit', show: (view) => auditPage(view) },
  { path: '/operations', show: operationsPage },
  { path: '/do/:operation', show: (view) => operationPage(view, view.c.req.param('operation')!) },
];
