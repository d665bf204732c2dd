/** What the people of a tenant have reported of those whom they blocked (XEP-0377). */
import { html } from 'hono/html';
import { formLink, type Html } from '../core/form.ts';
import { nextLink, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Reports {
  readonly reports: readonly {
    readonly id: string;
    readonly at: string;
    readonly by: string;
    readonly jid: string;
    readonly reason: string;
    readonly texts: readonly string[];
    readonly messages: number;
  }[];
  readonly next?: string;
}

const known = 'urn:xmpp:reporting:';

export async function reportsPage(view: View, domain: string): Promise<Html> {
  const { texts, c } = view;
  const path = `${tenantPath(domain)}/reports`;
  const after = c.req.query('after');
  const { reports, next } = await read<Reports>(view, 'report-list', { domain, ...(after !== undefined && { after }) });
  const head = ['jid', 'said', 'by', 'action'].map((name) => texts.of(`reports.${name}`));
  const rows = reports.map(({ id, at, by, jid, reason, texts: written, messages }) => [
    html`${jid}<p class="detail">${reason.startsWith(known) ? reason.slice(known.length) : reason}</p>`,
    html`${written.map((text) => html`<p>${text}</p>`)}<p class="detail">${texts.of('reports.messages', { count: messages })}
      ${messages === 0 ? '' : formLink(view, 'report-show', { domain, id }, { back: path, label: texts.of('reports.show'), about: id })}</p>`,
    html`${by}<p class="detail">${texts.moment(at)}</p>`,
    formLink(view, 'report-remove', { domain, id }, { back: path, label: texts.of('reports.remove'), about: id, kind: 'danger' }),
  ]);
  return tenantFrame(
    view,
    domain,
    'reports',
    html`${table(texts.of('nav.reports'), head, rows, texts.of('reports.empty'))}${nextLink(view, path, next)}`,
  );
}
