/** Who has a role over a tenant, or over the deployment. */
import { html } from 'hono/html';
import { type Right, type Role, rightsOf } from '../../../lib/runtime/rights.ts';
import { formLink, type Html } from '../core/form.ts';
import { badge, card, page, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Holders {
  readonly holders: readonly { readonly jid: string; readonly role: Role; readonly content: boolean; readonly since: string }[];
}

interface Shown {
  readonly role: Role;
  readonly content: boolean;
}

/** The role of an account, and that it may read messages. */
export function roleBadge({ texts }: View, { role, content }: Shown): Html | string {
  if (role === 'none') return texts.of('accounts.noRole');
  return html`${badge('plain', texts.of(`roles.${role}`))}${content ? html` ${badge('warn', texts.of('roles.content'))}` : ''}`;
}

function holdersTable(view: View, { holders }: Holders, back: string): Html {
  const { texts } = view;
  const rows = holders.map((holder) => {
    const at = holder.jid.lastIndexOf('@');
    const own = `${tenantPath(holder.jid.slice(at + 1))}/accounts/${encodeURIComponent(holder.jid.slice(0, at))}`;
    return [
      html`<a href="${own}">${holder.jid}</a>`,
      roleBadge(view, holder),
      texts.moment(holder.since),
      formLink(view, 'user-role', { jid: holder.jid }, { back, label: texts.of('roles.change'), about: holder.jid }),
    ];
  });
  const head = ['account', 'role', 'since', 'action'].map((name) => texts.of(`roles.${name}`));
  return table(texts.of('nav.roles'), head, rows, texts.of('roles.empty'));
}

/** What each of the roles may do, from the table that the router asks. */
function legend({ texts }: View, roles: readonly Role[]): Html {
  const right = (name: Right) => html`<li>${texts.of(`rights.${name.replace('.', '-')}`)}</li>`;
  return card(
    texts.of('roles.legend'),
    html`<dl class="facts">${roles.map(
      (role) => html`<div><dt>${texts.of(`roles.${role}`)}</dt><dd><ul>${rightsOf({ role }).map(right)}</ul></dd></div>`,
    )}</dl>`,
    texts.of('roles.note'),
  );
}

export async function tenantRolesPage(view: View, domain: string): Promise<Html> {
  const back = `${tenantPath(domain)}/roles`;
  const found = await read<Holders>(view, 'role-list', { domain });
  return tenantFrame(
    view,
    domain,
    'roles',
    html`${holdersTable(view, found, back)}${legend(view, ['auditor', 'support', 'admin', 'owner'])}`,
  );
}

export async function rolesPage(view: View): Promise<Html> {
  const found = await read<Holders>(view, 'role-deployment-list');
  return page(view, {
    title: view.texts.of('roles.deployment'),
    nav: 'roles',
    body: html`${holdersTable(view, found, '/console/roles')}${legend(view, ['operator', 'deployment-owner'])}`,
  });
}
