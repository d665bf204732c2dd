/** The frame of every page. There are no inline scripts and styles: the content security policy allows none. */
import { html } from 'hono/html';
import { type FormOptions, type Html, helpOf, operationForm } from './form.ts';
import { languageNames, type Texts } from './texts.ts';
import { mayDo, operationNamed, type View } from './view.ts';

export interface NavEntry {
  readonly key: string;
  readonly path: string;
  /** The operation that the page shows: who may not do it is not shown the page. */
  readonly shows?: string;
}

/** @param domain the tenant that the page is about */
function entriesOf(view: View): readonly NavEntry[] {
  return allEntriesOf(view).filter(({ shows }) => shows === undefined || mayDo(view, shows));
}

function allEntriesOf({ who }: View): readonly NavEntry[] {
  const own = who.domain;
  if (own === undefined) {
    return [
      { key: 'overview', path: '/console' },
      { key: 'tenants', path: '/console/tenants', shows: 'tenant-list' },
      { key: 'peers', path: '/console/peers', shows: 'peer-list' },
      { key: 'nodes', path: '/console/nodes', shows: 'status' },
      { key: 'keys', path: '/console/keys', shows: 'key-list' },
      { key: 'roles', path: '/console/roles', shows: 'role-deployment-list' },
      { key: 'audit', path: '/console/audit', shows: 'audit-list' },
      { key: 'more', path: '/console/operations' },
    ];
  }
  const base = tenantPath(own);
  return [
    { key: 'overview', path: '/console' },
    { key: 'policy', path: base },
    { key: 'accounts', path: `${base}/accounts`, shows: 'user-list' },
    { key: 'invites', path: `${base}/invites`, shows: 'invite-list' },
    { key: 'rooms', path: `${base}/rooms`, shows: 'room-list' },
    { key: 'peers', path: `${base}/peers`, shows: 'peer-tenant-list' },
    { key: 'audit', path: `${base}/audit`, shows: 'audit-tenant-list' },
    { key: 'more', path: '/console/operations' },
  ];
}

export function tenantPath(domain: string): string {
  return `/console/tenants/${encodeURIComponent(domain)}`;
}

export interface PageOptions {
  readonly title: string;
  /** Above the title: where the page is. */
  readonly trail?: readonly { readonly label: string; readonly path: string }[];
  /** The tabs of a tenant. */
  readonly tabs?: Html | undefined;
  readonly body: unknown;
  /** Which entry of the navigation it belongs to. */
  readonly nav: string;
}

export function page(view: View, { title, trail = [], tabs, body, nav }: PageOptions): Html {
  const { texts, who } = view;
  const entries = entriesOf(view);
  return frame(
    texts,
    title,
    html`<a class="skip" href="#main">${texts.of('nav.skip')}</a>
    <header class="top">
      <a class="brand" href="/console"><img src="/console/assets/mark.svg" alt="" width="26" height="26"><span>Skylark</span></a>
      <nav aria-label="${texts.of('nav.label')}"><ul>${entries.map(
        ({ key, path }) =>
          html`<li><a href="${path}"${key === nav ? html` aria-current="page"` : ''}>${texts.of(`nav.${key}`)}</a></li>`,
      )}</ul></nav>
      <div class="who">
        <p><span class="scope">${who.domain ?? texts.of('who.deployment')}</span><span class="name">${who.name}</span></p>
        <form method="post" action="/console/leave"><input type="hidden" name="_csrf" value="${view.csrf}"><button type="submit" class="small quiet">${texts.of('who.leave')}</button></form>
        ${languageLinks(texts, view.c.req.method === 'GET' ? pathOf(view) : '/console')}
      </div>
    </header>
    <main id="main" tabindex="-1">
      ${trail.length === 0 ? '' : html`<nav class="trail" aria-label="${texts.of('nav.trail')}">${trail.map(({ label, path }) => html`<a href="${path}">${label}</a><span aria-hidden="true">/</span>`)}</nav>`}
      <h1>${title}</h1>
      ${tabs ?? ''}
      ${flash(view)}
      ${body}
    </main>`,
  );
}

/** What has just been done, as its own page named it in the address: the name of an operation and nothing that others could word. */
function flash(view: View): Html | string {
  const { c, texts } = view;
  const done = operationNamed(view, c.req.query('done') ?? '');
  if (done === undefined) return '';
  const isBegun = c.req.query('begun') !== undefined;
  return html`<p class="notice good" role="status"><strong>${texts.of(isBegun ? 'flash.begun' : 'flash.done')}</strong> ${helpOf(view, done)}</p>`;
}

function pathOf({ c }: View): string {
  const { pathname, search } = new URL(c.req.url);
  return `${pathname}${search}`;
}

/** @param back the page that is then shown in the other language */
export function languageLinks({ language }: Texts, back: string): Html {
  return html`<p class="languages">${languageNames.map(({ code, name }) =>
    code === language
      ? html`<span aria-current="true" lang="${code}">${name}</span>`
      : html`<a href="/console/language/${code}?${new URLSearchParams({ back }).toString()}" lang="${code}" hreflang="${code}">${name}</a>`,
  )}</p>`;
}

export function frame(texts: Texts, title: string, body: unknown): Html {
  return html`<!doctype html>
<html lang="${texts.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<meta name="htmx-config" content='{"includeIndicatorCSS":false,"includeIndicatorStyles":false,"allowEval":false}'>
<title>${title} · Skylark</title>
<link rel="icon" href="/console/assets/mark.svg" type="image/svg+xml">
<link rel="stylesheet" href="/console/assets/uPlot.min.css">
<link rel="stylesheet" href="/console/assets/console.css">
<script src="/console/assets/htmx.min.js" defer></script>
<script src="/console/assets/hx-sse.min.js" defer></script>
<script src="/console/assets/uPlot.iife.min.js" defer></script>
<script src="/console/assets/console.js" defer></script>
</head>
<body>
${body}
</body>
</html>`;
}

/** A table in a frame that scrolls by itself where it is wider than the page. */
export function table(caption: string, head: readonly string[], rows: readonly (readonly unknown[])[], empty: string): Html {
  if (rows.length === 0) return html`<p class="empty">${empty}</p>`;
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}"><table><caption class="hidden">${caption}</caption>
    <thead><tr>${head.map((text) => html`<th scope="col">${text}</th>`)}</tr></thead>
    <tbody>${rows.map(
      (cells) =>
        html`<tr>${cells.map((cell, at) => (at === 0 ? html`<th scope="row">${cell}</th>` : html`<td data-label="${head[at] ?? ''}">${cell}</td>`))}</tr>`,
    )}</tbody></table></div>`;
}

export function card(title: string, body: unknown, note?: unknown): Html {
  return html`<section class="card"><h2>${title}</h2>${note === undefined ? '' : html`<p class="note">${note}</p>`}${body}</section>`;
}

/** A card with the form of an operation; nothing for whoever may not do it. */
export function formCard(view: View, title: string, name: string, options: FormOptions, note?: unknown): Html | string {
  if (!mayDo(view, name)) return '';
  return card(title, operationForm(view, operationNamed(view, name)!, options), note);
}

export function badge(kind: 'good' | 'warn' | 'bad' | 'plain', text: string): Html {
  return html`<span class="badge ${kind}">${text}</span>`;
}

/** To the next page of a list, if there is one. */
export function nextLink(
  { texts }: View,
  path: string,
  next: string | number | undefined,
  query: Readonly<Record<string, string>> = {},
): Html | string {
  if (next === undefined) return '';
  return html`<p class="pages"><a class="button" href="${path}?${new URLSearchParams({ ...query, after: `${next}` }).toString()}">${texts.of('list.next')}</a></p>`;
}
