/** The pages for a tenant's people: an invite, what follows from it, and a new password. */
import { html } from 'hono/html';
import type { LinkView } from '../../../lib/runtime/invite-wire.ts';
import { qrHtml } from '../../../lib/runtime/qr-html.ts';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { nameOf } from './brand.ts';
import { clientsFor, platformOf } from './clients.ts';
import { frame, type Html, notice } from './layout.ts';
import type { PageTexts } from './texts.ts';

export interface Shown {
  readonly texts: PageTexts;
  readonly tenant: Tenant;
  /** What the browser says of its system. */
  readonly userAgent: string;
}

export interface Form {
  /** false: http from another machine, over which no password may be sent. */
  readonly isSafe: boolean;
  /** A key of the texts. */
  readonly error?: string | undefined;
  /** What was filled in. */
  readonly username?: string | undefined;
}

/** @param uri of the invite, for clients */
export function invitePage(shown: Shown, view: LinkView, uri: string, form: Form): Html {
  const { texts, tenant } = shown;
  const name = nameOf(tenant);
  const title = texts.of('invite.title', { name });
  const { jid, expiresMs } = view;
  const lead = jid === undefined ? texts.of('invite.byTenant', { name }) : texts.of('invite.by', { jid, name });
  return frame(
    texts,
    tenant,
    title,
    html`<h1>${title}</h1><p class="lead">${lead}</p>
    <p class="quiet">${texts.of('invite.until', { moment: texts.moment(new Date(expiresMs).toISOString()) })}</p>
    <div class="columns"><section><h2>${texts.of('invite.make')}</h2>${notice(texts, form.error)}${accountForm(shown, view, form)}</section>
    <section><h2>${texts.of('invite.inApp')}</h2><p>${texts.of('invite.inAppHint')}</p>
      <p><a class="button" href="${uri}">${texts.of('invite.open')}</a></p>
      <p>${texts.of('invite.scan')}</p>${qrHtml(uri, texts.of('invite.qr'))}</section>
    <section><h2>${texts.of('invite.clients')}</h2>${clientList(shown)}</section></div>`,
  );
}

function accountForm({ texts, tenant }: Shown, { name }: LinkView, { isSafe, username = '' }: Form): Html {
  if (!isSafe) return html`<p class="bad" role="alert">${texts.of('error.insecure')}</p>`;
  const nameField =
    name === undefined
      ? html`<div class="field"><label for="username">${texts.of('invite.username')}</label>
      <input type="text" id="username" name="username" value="${username}" required autocomplete="username" spellcheck="false" autocapitalize="none" aria-describedby="username-hint">
      <p class="quiet" id="username-hint">${texts.of('invite.usernameHint', { domain: tenant.domain })}</p></div>`
      : html`<p>${texts.of('invite.fixed')}<br><span class="address">${name}@${tenant.domain}</span></p>
      <input type="hidden" name="username" value="${name}" autocomplete="username">`;
  return html`<form method="post">${nameField}${passwordFields(texts)}<p><button type="submit">${texts.of('invite.submit')}</button></p></form>`;
}

function passwordFields(texts: PageTexts): Html {
  return html`<div class="field"><label for="password">${texts.of('invite.password')}</label>
    <input type="password" id="password" name="password" required autocomplete="new-password"></div>
  <div class="field"><label for="again">${texts.of('invite.again')}</label>
    <input type="password" id="again" name="again" required autocomplete="new-password"></div>`;
}

function clientList({ texts, tenant, userAgent }: Shown): Html {
  const clients = clientsFor(platformOf(userAgent));
  return html`<p class="quiet">${texts.of('invite.clientsNote', { name: nameOf(tenant) })}</p>
    <ul>${clients.map(({ name, url }) => html`<li><a href="${url}" rel="noopener noreferrer">${name}</a></li>`)}
    <li><a href="/">${texts.of('invite.browser')}</a></li></ul>`;
}

/** @param jid the new account. @param friend who has invited */
export function welcomePage(shown: Shown, jid: string, friend: string | undefined): Html {
  const { texts, tenant } = shown;
  const title = texts.of('done.title', { name: nameOf(tenant) });
  return frame(
    texts,
    tenant,
    title,
    html`<h1>${title}</h1><section><p role="status">${texts.of('done.made')}</p><p class="address" id="address">${jid}</p>
    ${friend === undefined ? '' : html`<p>${texts.of('done.friend', { jid: friend })}</p>`}</section>
    <section><h2>${texts.of('done.next')}</h2><ol><li>${texts.of('done.install')}</li><li>${texts.of('done.signIn')}</li></ol>${clientList(shown)}</section>`,
  );
}

export function resetPage({ texts, tenant }: Shown, { jid = '' }: LinkView, { isSafe, error }: Form): Html {
  const title = texts.of('reset.title');
  const form = isSafe
    ? html`<form method="post"><input type="hidden" name="username" value="${jid}" autocomplete="username">${passwordFields(texts)}
      <p><button type="submit">${texts.of('reset.submit')}</button></p></form>`
    : html`<p class="bad" role="alert">${texts.of('error.insecure')}</p>`;
  return frame(
    texts,
    tenant,
    title,
    html`<h1>${title}</h1><section><p>${texts.of('reset.for', { jid })}</p><p class="quiet">${texts.of('reset.note')}</p>${notice(texts, error)}${form}</section>`,
  );
}

export function resetDonePage({ texts, tenant }: Shown, jid: string): Html {
  const title = texts.of('reset.title');
  const done = html`<h1>${title}</h1><section><p role="status">${texts.of('reset.done', { jid })}</p></section>`;
  return frame(texts, tenant, title, done);
}

/** The same page for every link that is not good, whatever is wrong with it. @param error a key of the texts */
export function refusalPage(texts: PageTexts, error: string): Html {
  const title = texts.find(`error.${error}Title`) ?? texts.of('error.linkTitle');
  return frame(texts, undefined, title, html`<h1>${title}</h1><section>${notice(texts, error)}</section>`);
}
