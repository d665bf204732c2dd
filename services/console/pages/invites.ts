/** The invites of a tenant: whom they have brought, and a form for another one. */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { formCard, nextLink, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Invites {
  readonly invites: readonly {
    readonly id: string;
    readonly expiresAt: string;
    readonly by?: string;
    readonly name?: string;
    readonly uses: number;
    readonly brought: readonly string[];
  }[];
  readonly next?: string;
}

export async function invitesPage(view: View, domain: string): Promise<Html> {
  const { texts, c } = view;
  const path = `${tenantPath(domain)}/invites`;
  const after = c.req.query('after');
  const { invites, next } = await read<Invites>(view, 'invite-list', { domain, ...(after !== undefined && { after }) });
  const head = ['by', 'brought', 'expires', 'action'].map((name) => texts.of(`invites.${name}`));
  const rows = invites.map(({ id, expiresAt, by, name, uses, brought }) => [
    html`${by ?? texts.of('invites.tenant')}<p class="detail">${name === undefined ? '' : texts.of('invites.for', { name })} <code>${id}</code></p>`,
    html`${texts.of('invites.count', { brought: brought.length, uses })}<p class="detail">${brought.join(', ')}</p>`,
    texts.moment(expiresAt),
    formLink(view, 'invite-revoke', { domain, id }, { back: path, label: texts.of('invites.revoke'), about: id, kind: 'danger' }),
  ]);
  return tenantFrame(
    view,
    domain,
    'invites',
    html`<div class="columns"><div>${table(texts.of('nav.invites'), head, rows, texts.of('invites.empty'))}${nextLink(view, path, next)}</div>
      ${formCard(view, texts.of('invites.add'), 'invite-create', { back: path, fixed: { domain }, isFixedHidden: true }, texts.of('invites.note'))}</div>`,
  );
}
