/** The frame of the pages for a tenant's people: its name, colours and logo. There are no scripts and no inline styles. */
import { domainToASCII } from 'node:url';
import { html } from 'hono/html';
import type { Tenant } from '../../../lib/runtime/tenants.ts';
import { logoOf, nameOf } from './brand.ts';
import { languages, type PageTexts } from './texts.ts';

export type Html = ReturnType<typeof html>;

/** @param tenant undefined: the page says nothing of whose it might be */
export function frame(texts: PageTexts, tenant: Tenant | undefined, title: string, body: unknown): Html {
  const brand = tenant && `/people/${domainToASCII(tenant.domain)}`;
  return html`<!doctype html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/people/page.css">
<link rel="stylesheet" href="${brand ?? '/people'}/brand.css">
</head>
<body>
<header><p>${
    tenant === undefined
      ? 'XMPP'
      : html`${logoOf(tenant) === undefined ? '' : html`<img src="${brand}/logo" alt="">`}<span>${nameOf(tenant)}</span>`
  }</p></header>
<main>${body}</main>
<footer><nav aria-label="${texts.of('language')}"><ul>${languages.map(({ code, name }) =>
    code === texts.language
      ? html`<li><span lang="${code}" aria-current="true">${name}</span></li>`
      : html`<li><a href="?lang=${code}" lang="${code}" hreflang="${code}">${name}</a></li>`,
  )}</ul></nav></footer>
</body>
</html>`;
}

/** @param error a key of the texts */
export function notice(texts: PageTexts, error: string | undefined): Html | '' {
  return error === undefined ? '' : html`<p class="bad" role="alert">${texts.of(`error.${error}`)}</p>`;
}
