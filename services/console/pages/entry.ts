/** The way in: the address and password of an admin, or a link from the machine of the service. */
import { html } from 'hono/html';
import type { Html } from '../core/form.ts';
import { frame, languageLinks } from '../core/layout.ts';
import type { Texts } from '../core/texts.ts';

export interface EntryOptions {
  readonly texts: Texts;
  /** A key of the texts. */
  readonly error?: string | undefined;
  /** Set when somebody comes with a link. */
  readonly link?: string;
  readonly jid?: string;
  /** The page that was asked for. */
  readonly back?: string | undefined;
  /** false: http from another machine, over which no password may be sent. */
  readonly isSafe: boolean;
}

export function entryPage(options: EntryOptions): Html {
  const { texts, error, link, isSafe } = options;
  const title = texts.of('entry.title');
  const body = !isSafe
    ? html`<p class="notice bad" role="alert">${texts.of('entry.insecure')}</p>`
    : link === undefined
      ? passwordForm(options)
      : html`<p>${texts.of('entry.byLink')}</p><form method="post" action="/console/enter" class="form">
          <input type="hidden" name="link" value="${link}"><p class="actions"><button type="submit" class="primary" autofocus>${texts.of('entry.open')}</button></p></form>`;
  return frame(
    texts,
    title,
    html`<main id="main" class="entry"><p class="brand big"><img src="/console/assets/mark.svg" alt="" width="44" height="44"><span>Skylark</span></p>
      <section class="card"><h1>${title}</h1>
      ${error === undefined ? '' : html`<p class="notice bad" role="alert">${texts.of(error)}</p>`}
      ${body}</section>
      <section class="card quiet"><h2>${texts.of('entry.operator')}</h2><p>${texts.of('entry.operatorNote')}</p><p><code>npx skylark console</code></p></section>
      ${languageLinks(texts, options.back ?? (link === undefined ? '/console' : `/console/enter/${encodeURIComponent(link)}`))}</main>`,
  );
}

function passwordForm({ texts, jid = '', back }: EntryOptions): Html {
  return html`<form method="post" action="/console/enter" class="form">
    ${back === undefined ? '' : html`<input type="hidden" name="_back" value="${back}">`}
    <div class="field"><label for="jid">${texts.of('entry.jid')}</label>
      <input type="text" id="jid" name="jid" value="${jid}" required autocomplete="username" spellcheck="false" autocapitalize="none" placeholder="nurse@example.org" aria-describedby="jid-hint">
      <p class="hint" id="jid-hint">${texts.of('entry.jidHint')}</p></div>
    <div class="field"><label for="password">${texts.of('entry.password')}</label>
      <input type="password" id="password" name="password" required autocomplete="current-password"></div>
    <p class="actions"><button type="submit" class="primary">${texts.of('entry.signIn')}</button></p></form>`;
}
