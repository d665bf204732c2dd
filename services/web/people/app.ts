/**
 * The pages for a tenant's people, at `/invite/DOMAIN/TOKEN` and `/reset/DOMAIN/TOKEN`: a router says what the link is good for, and does what
 * the form wants. Nothing is kept here, and there is no cookie: whoever has the link may use it, and a form that another site sends is refused.
 */
import { domainToUnicode } from 'node:url';
import { type Context, Hono, type Next } from 'hono';
import type { Logger } from 'pino';
import type { Bus } from '../../../lib/ports/bus.ts';
import { Unavailable } from '../../../lib/ports/store.ts';
import { askLink } from '../../../lib/runtime/ask-link.ts';
import { addressOf, isFromHere, isSafe, readUrlEncoded } from '../../../lib/runtime/browser.ts';
import { inviteUri } from '../../../lib/runtime/invite-uri.ts';
import { type LinkKind, type LinkReply, linkId } from '../../../lib/runtime/invite-wire.ts';
import { pageHeaders } from '../../../lib/runtime/page-headers.ts';
import type { Tenant, Tenants } from '../../../lib/runtime/tenants.ts';
import { webLimits } from '../limits.ts';
import { brandStyle, logoOf } from './brand.ts';
import type { Html } from './layout.ts';
import { invitePage, refusalPage, resetDonePage, resetPage, type Shown, welcomePage } from './pages.ts';
import { pageStyle } from './style.ts';
import { type PageTexts, textsFor } from './texts.ts';

export interface PeopleDependencies {
  readonly bus: Bus;
  readonly tenants: Tenants;
  readonly log: Logger;
}

const headers = pageHeaders();

const statuses = { link: 404, busy: 429, full: 503 } as const;

interface Opened {
  readonly kind: LinkKind;
  readonly token: string;
  readonly shown: Shown;
  ask(verb: 'look' | 'use', given?: { readonly username?: string; readonly password?: string }): Promise<LinkReply>;
}

export function peopleApp({ bus, tenants, log }: PeopleDependencies): Hono {
  const app = new Hono();
  const own = async (c: Context, next: Next) => {
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store');
  };
  for (const path of ['/people/*', '/invite/*', '/reset/*']) app.use(path, own);
  app.get('/people/page.css', (c) => asset(c, pageStyle, 'text/css; charset=utf-8'));
  app.get('/people/brand.css', (c) => asset(c, '', 'text/css; charset=utf-8'));
  app.get('/people/:domain/brand.css', async (c) => {
    const tenant = await tenantOf(c);
    return tenant === undefined ? c.notFound() : asset(c, brandStyle(tenant.policy), 'text/css; charset=utf-8');
  });
  app.get('/people/:domain/logo', async (c) => {
    const tenant = await tenantOf(c);
    const logo = tenant && logoOf(tenant);
    return logo === undefined ? c.notFound() : asset(c, new Uint8Array(logo.bytes), logo.type);
  });
  for (const kind of ['invite', 'reset'] as const) {
    app.get(`/${kind}/:domain/:token`, (c) => answered(c, () => look(c, kind)));
    app.post(`/${kind}/:domain/:token`, (c) => answered(c, () => use(c, kind)));
  }
  return app;

  async function look(c: Context, kind: LinkKind): Promise<Response> {
    const opened = await open(c, kind);
    return opened instanceof Response ? opened : show(c, opened, undefined);
  }

  async function use(c: Context, kind: LinkKind): Promise<Response> {
    const opened = await open(c, kind);
    if (opened instanceof Response) return opened;
    if (!isSafe(c)) return show(c, opened, undefined, 403);
    if (!isFromHere(c)) return show(c, opened, 'elsewhere', 403);
    const form = await readUrlEncoded(c, webLimits.formBytesMax);
    if (form === undefined) return show(c, opened, 'form', 400);
    const [username = '', password = '', again] = ['username', 'password', 'again'].map((name) => form.get(name) ?? '');
    if (password !== again) return show(c, opened, 'differ', 400, username);
    const before = (await opened.ask('look')).view;
    const { account, error } = await opened.ask('use', { username: username.trim(), password });
    if (account === undefined) return show(c, opened, error, 400, username);
    const { shown } = opened;
    const friend = before?.inviter === undefined ? undefined : before.jid;
    return c.html(kind === 'reset' ? resetDonePage(shown, account) : welcomePage(shown, account, friend));
  }

  /** The page of the link, with what is wrong. @param error a key of the texts */
  async function show(
    c: Context,
    { kind, token, shown, ask }: Opened,
    error: string | undefined,
    status: 200 | 400 | 403 = 200,
    username = '',
  ): Promise<Response> {
    const { view, error: refusal = 'link' } = await ask('look');
    if (view === undefined) return refused(c, shown.texts, refusal);
    const form = { isSafe: isSafe(c), error, username };
    const { tenant } = shown;
    const page =
      kind === 'reset'
        ? resetPage(shown, view, form)
        : invitePage(shown, view, inviteUri(tenant.domain, { name: view.name, inviter: view.inviter }, token), form);
    return c.html(page, status);
  }

  async function open(c: Context, kind: LinkKind): Promise<Opened | Response> {
    const texts = textsOf(c);
    const token = c.req.param('token')!;
    const domain = await nameOf(c);
    const asked = { link: kind, domain, id: linkId(kind, token), address: addressOf(c) };
    const ask: Opened['ask'] = (verb, given) => askLink(bus, { ...asked, ...given, verb }, webLimits.linkAnswerMs);
    const tenant = await tenants.find(domain);
    // A domain that is not here costs a look, too, and is answered like a link that is not good.
    if (tenant === undefined) return refused(c, texts, (await ask('look')).error ?? 'link');
    return { kind, token, ask, shown: { texts, tenant, userAgent: c.req.header('user-agent') ?? '' } };
  }

  async function tenantOf(c: Context): Promise<Tenant | undefined> {
    return tenants.find(await nameOf(c));
  }

  /** Tenants may be named in Unicode; links use the ASCII form of DNS. */
  async function nameOf(c: Context): Promise<string> {
    const ascii = c.req.param('domain')!.toLowerCase();
    const unicode = domainToUnicode(ascii);
    return unicode !== '' && (await tenants.find(unicode)) !== undefined ? unicode : ascii;
  }

  async function answered(c: Context, work: () => Promise<Response>): Promise<Response> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Unavailable)) log.error({ err: error, path: c.req.routePath }, 'a page for people failed');
      return c.html(refusalPage(textsOf(c), 'away'), 503);
    }
  }
}

function textsOf(c: Context): PageTexts {
  return textsFor(c.req.query('lang'), c.req.header('accept-language'));
}

function refused(c: Context, texts: PageTexts, error: string): Response | Promise<Response> {
  const status = (statuses as Readonly<Record<string, 404 | 429 | 503>>)[error] ?? 404;
  const page: Html = refusalPage(texts, error);
  return c.html(page, status);
}

function asset(c: Context, body: string | Uint8Array<ArrayBuffer>, type: string): Response {
  c.header('cache-control', `public, max-age=${webLimits.brandSeconds}`);
  return c.body(body, 200, { 'content-type': type });
}
