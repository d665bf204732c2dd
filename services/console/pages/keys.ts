/** The keys of the REST API, and the audit log. */
import { html } from 'hono/html';
import type { Role } from '../../../lib/runtime/rights.ts';
import { formLink, type Html } from '../core/form.ts';
import { badge, formCard, nextLink, page, table, tenantPath } from '../core/layout.ts';
import { read, type View } from '../core/view.ts';
import { roleBadge } from './roles.ts';
import { tenantFrame } from './tenant-frame.ts';

interface Keys {
  readonly keys: readonly {
    readonly id: string;
    readonly name: string;
    readonly domain?: string;
    readonly access: 'read' | 'write';
    readonly role: Role;
    readonly content: boolean;
    readonly createdAt: string;
    readonly expiresAt?: string;
    readonly usedOn?: string;
  }[];
  readonly next?: string;
}

export async function keysPage(view: View): Promise<Html> {
  const { texts, c } = view;
  const path = '/console/keys';
  const after = c.req.query('after');
  const found = await read<Keys>(view, 'key-list', after === undefined ? {} : { after });
  const head = ['name', 'scope', 'access', 'expires', 'used', 'action'].map((name) => texts.of(`keys.${name}`));
  const rows = found.keys.map(({ id, name, domain, access, role, content, expiresAt, usedOn }) => [
    html`${name}<p class="detail"><code>${id}</code></p>`,
    domain ?? texts.of('who.deployment'),
    html`${badge(access === 'write' ? 'warn' : 'plain', texts.choice(access))} ${roleBadge(view, { role, content })}`,
    expiresAt === undefined ? texts.of('keys.never') : texts.moment(expiresAt),
    usedOn ?? texts.of('keys.never'),
    html`${formLink(view, 'key-rotate', { id }, { back: path, label: texts.of('keys.rotate'), about: name })}
      ${formLink(view, 'key-remove', { id }, { back: path, label: texts.of('keys.remove'), about: name, kind: 'danger' })}`,
  ]);
  return page(view, {
    title: texts.of('nav.keys'),
    nav: 'keys',
    body: html`<div class="columns"><div>${table(texts.of('nav.keys'), head, rows, texts.of('keys.empty'))}${nextLink(view, path, found.next)}
      <p class="note">${texts.of('keys.note')} <a href="/api/">${texts.of('overview.api')}</a></p></div>
      ${formCard(view, texts.of('keys.add'), 'key-add', { back: path })}</div>`,
  });
}

interface Audit {
  readonly entries: readonly {
    readonly number: number;
    readonly at: string;
    readonly by: string;
    readonly address?: string;
    readonly operation: string;
    readonly input: Readonly<Record<string, unknown>>;
    readonly outcome: string;
    readonly change?: { readonly before: unknown; readonly after: unknown };
  }[];
  readonly brokenAt?: number;
  readonly next?: number;
  readonly dropped?: { readonly number: number; readonly at: string };
}

function changeHtml({ texts }: View, change: Audit['entries'][number]['change']): Html | string {
  if (change === undefined) return '';
  const [before, after] = [change.before, change.after].map((value) => JSON.stringify(value));
  return html`<p class="detail">${texts.of('audit.before')} <code>${before}</code></p><p class="detail">${texts.of('audit.after')} <code>${after}</code></p>`;
}

export async function auditPage(view: View, domain?: string): Promise<Html> {
  const { texts, c } = view;
  const text = c.req.query('after') ?? '0';
  const after = /^\d{1,15}$/.test(text) ? Number(text) : 0;
  const found = await (domain === undefined
    ? read<Audit>(view, 'audit-list', { order: 'newest', after })
    : read<Audit>(view, 'audit-tenant-list', { domain, order: 'newest', after }));
  const head = ['number', 'at', 'by', 'operation', 'outcome'].map((name) => texts.of(`audit.${name}`));
  const rows = found.entries.map(({ number, at, by, address, operation, input, outcome, change }) => [
    `${number}`,
    texts.moment(at),
    html`${by}${address === undefined ? '' : html`<p class="detail">${address}</p>`}`,
    html`${operation}<p class="detail"><code>${JSON.stringify(input)}</code></p>${changeHtml(view, change)}`,
    badge(outcome === 'done' ? 'good' : outcome === 'begun' ? 'plain' : 'bad', texts.choice(outcome)),
  ]);
  const path = domain === undefined ? '/console/audit' : `${tenantPath(domain)}/audit`;
  const body = html`${
    found.brokenAt === undefined
      ? html`<p class="note">${texts.of('audit.whole')}</p>`
      : html`<p class="notice bad" role="alert">${texts.of('audit.broken', { number: found.brokenAt })}</p>`
  }
    ${found.dropped && html`<p class="note">${texts.of('audit.dropped', { number: found.dropped.number, at: texts.moment(found.dropped.at) })}</p>`}
    ${table(texts.of('nav.audit'), head, rows, texts.of('list.empty'))}${nextLink(view, path, found.next)}`;
  if (domain !== undefined) return tenantFrame(view, domain, 'audit', body);
  return page(view, { title: texts.of('nav.audit'), nav: 'audit', body });
}
