/** The accounts of a tenant, and one of them with its sessions and devices. */
import { html } from 'hono/html';
import { covers, type Role, rightsOf } from '../../../lib/runtime/rights.ts';
import { actionButton, type FormOptions, formLink, type Html } from '../core/form.ts';
import { badge, card, formCard, nextLink, table, tenantPath } from '../core/layout.ts';
import { mayDo, read, type View } from '../core/view.ts';
import { consoleLimits } from '../limits.ts';
import { roleBadge } from './roles.ts';
import { tenantFrame } from './tenant-frame.ts';

interface UserList {
  readonly details: readonly Pick<Shown, 'jid' | 'role' | 'content' | 'lastSeen'>[];
  readonly next?: string;
}

function localOf(jid: string): string {
  return jid.slice(0, jid.lastIndexOf('@'));
}

function accountPath(domain: string, local: string): string {
  return `${tenantPath(domain)}/accounts/${encodeURIComponent(local)}`;
}

export async function accountsPage(view: View, domain: string): Promise<Html> {
  const { texts, c } = view;
  const after = c.req.query('after');
  const search = (c.req.query('q') ?? '').trim().slice(0, consoleLimits.searchCharactersMax);
  const found = await read<UserList>(view, 'user-list', {
    ...{ domain, details: true },
    ...(after !== undefined && { after }),
    ...(search !== '' && { prefix: search }),
  });
  const path = `${tenantPath(domain)}/accounts`;
  const rows = found.details.map(({ jid, role, content, lastSeen }) => {
    const own = accountPath(domain, localOf(jid));
    return [
      html`<a href="${own}">${jid}</a>`,
      roleBadge(view, { role, content }),
      lastSeen === undefined ? '–' : texts.moment(lastSeen),
      html`<a class="button small" href="${own}" aria-label="${texts.of('accounts.open')}: ${jid}">${texts.of('accounts.open')}</a>`,
    ];
  });
  const list = table(
    texts.of('nav.accounts'),
    ['accounts.address', 'fields.role.label', 'accounts.lastSeen', 'accounts.action'].map((key) => texts.of(key)),
    rows,
    texts.of(search === '' ? 'accounts.empty' : 'accounts.noMatch'),
  );
  return tenantFrame(
    view,
    domain,
    'accounts',
    html`<div class="columns"><div>
      <form method="get" class="form row search" role="search"><div class="field"><label for="q">${texts.of('accounts.search')}</label>
        <input type="search" id="q" name="q" value="${search}" autocomplete="off" spellcheck="false" autocapitalize="none"
          hx-get="${path}" hx-trigger="input changed delay:250ms" hx-select="#accounts" hx-target="#accounts" hx-swap="outerHTML"></div>
        <p class="actions"><button type="submit">${texts.of('accounts.find')}</button></p></form>
      <div id="accounts" aria-live="polite">${list}${nextLink(view, path, found.next, search === '' ? {} : { q: search })}</div></div>
      ${formCard(view, texts.of('accounts.add'), 'user-add', {
        ...{ back: path, values: { jid: '' }, suffix: { jid: `@${domain}` } },
      })}</div>`,
  );
}

interface Shown {
  readonly jid: string;
  readonly createdAt: string;
  readonly role: Role;
  readonly content: boolean;
  readonly isDisabled: boolean;
  readonly erasedAt?: string;
  readonly lastSeen?: string;
}

interface Sessions {
  readonly sessions: readonly {
    readonly id: string;
    readonly resource: string;
    readonly since: string;
    readonly state: 'available' | 'connected' | 'parked';
    readonly priority: number;
  }[];
}

interface Devices {
  readonly devices: readonly {
    readonly id: string;
    readonly software?: string;
    readonly device?: string;
    readonly lastSeen: string;
    readonly isConnected: boolean;
    readonly hasPassword: boolean;
    readonly hasToken: boolean;
  }[];
}

const stateKinds = { available: 'good', connected: 'plain', parked: 'warn' } as const;

export async function accountPage(view: View, domain: string, local: string): Promise<Html> {
  const { texts } = view;
  const jid = `${local}@${domain}`;
  const [shown, { sessions }, { devices }] = await Promise.all([
    read<Shown>(view, 'user-show', { jid }),
    read<Sessions>(view, 'session-list', { jid }),
    read<Devices>(view, 'device-list', { jid }),
  ]);
  const back = accountPath(domain, local);
  // What somebody may not change is not offered: an account with more rights than theirs.
  const isAbove = !covers(view.who.rights, rightsOf({ role: shown.role, hasContent: shown.content }));
  const sessionRows = sessions.map(({ id, resource, since, state, priority }) => [
    resource,
    badge(stateKinds[state], texts.of(`sessions.${state}`)),
    texts.moment(since),
    `${priority}`,
    isAbove
      ? ''
      : actionButton(view, 'session-end', { jid, session: id }, { back, label: texts.of('sessions.end'), about: resource }),
  ]);
  const deviceRows = devices.map(({ id, software, device, lastSeen, isConnected, hasPassword, hasToken }) => {
    const name = [software, device].filter((text) => text !== undefined).join(' · ') || texts.of('devices.unnamed');
    const ways = [hasPassword ? texts.of('devices.password') : '', hasToken ? texts.of('devices.token') : ''];
    return [
      name,
      isConnected ? badge('good', texts.of('devices.connected')) : texts.moment(lastSeen),
      ways.filter((way) => way !== '').join(', ') || '–',
      isAbove
        ? ''
        : actionButton(view, 'device-revoke', { jid, device: id }, { back, label: texts.of('devices.revoke'), about: name }),
    ];
  });
  const form = (title: string, name: string, options: Partial<FormOptions> = {}, note?: string) =>
    isAbove ? '' : formCard(view, title, name, { fixed: { jid }, isFixedHidden: true, back, ...options }, note);
  const isOn = !shown.isDisabled;
  const sessionHead = ['resource', 'state', 'since', 'priority', 'action'].map((name) => texts.of(`sessions.${name}`));
  const deviceHead = ['name', 'seen', 'ways', 'action'].map((name) => texts.of(`devices.${name}`));
  return tenantFrame(
    view,
    domain,
    'accounts',
    html`<dl class="facts wide">
      <div><dt>${texts.of('accounts.state')}</dt><dd>${isOn ? badge('good', texts.of('accounts.enabled')) : badge('bad', texts.of('accounts.disabled'))}</dd></div>
      <div><dt>${texts.of('fields.role.label')}</dt><dd>${roleBadge(view, shown)}</dd></div>
      <div><dt>${texts.of('accounts.created')}</dt><dd>${texts.moment(shown.createdAt)}</dd></div>
      <div><dt>${texts.of('accounts.lastSeen')}</dt><dd>${shown.lastSeen === undefined ? '–' : texts.moment(shown.lastSeen)}</dd></div>${
        shown.erasedAt === undefined
          ? ''
          : html`<div><dt>${texts.of('accounts.erasedAt')}</dt><dd>${texts.moment(shown.erasedAt)}</dd></div>`
      }</dl>
    ${card(texts.of('sessions.title'), table(texts.of('sessions.title'), sessionHead, sessionRows, texts.of('sessions.empty')))}
    ${card(texts.of('devices.title'), table(texts.of('devices.title'), deviceHead, deviceRows, texts.of('devices.empty')))}
    ${isAbove ? html`<p class="note">${texts.of('accounts.above')}</p>` : ''}
    <div class="grid">${form(texts.of('accounts.password'), 'user-password')}
    ${form(texts.of('accounts.reset'), 'user-reset', {}, texts.of('accounts.resetNote'))}
    ${form(texts.of('fields.role.label'), 'user-role', { values: { role: shown.role, content: shown.content } })}
    ${
      isAbove || !mayDo(view, 'user-disable')
        ? ''
        : card(
            texts.of(isOn ? 'accounts.disable' : 'accounts.enable'),
            html`<p class="actions">${actionButton(
              view,
              isOn ? 'user-disable' : 'user-enable',
              { jid },
              { back, about: jid, label: texts.of(isOn ? 'accounts.disable' : 'accounts.enable') },
            )}</p>`,
            texts.of(isOn ? 'accounts.disableNote' : 'accounts.enableNote'),
          )
    }
    ${
      isAbove || !mayDo(view, 'user-remove')
        ? ''
        : html`<section class="card danger"><h2>${texts.of('accounts.remove')}</h2><p class="note">${texts.of('accounts.removeNote')}</p>
      <p class="actions">${formLink(view, 'user-remove', { jid }, { back: `${tenantPath(domain)}/accounts`, label: texts.of('accounts.remove'), about: jid, kind: 'danger' })}</p></section>`
    }</div>`,
    jid,
    [{ label: texts.of('nav.accounts'), path: `${tenantPath(domain)}/accounts` }],
  );
}
