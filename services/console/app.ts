/**
 * The console at `/console`. It decides nothing: every page shows what operations give, and every form asks for an operation, as the holder of
 * the session, whom the router looks up each time. What is here is what a browser needs: a cookie, a token in each form, and headers that keep
 * other sites out.
 */
import { type Context, Hono, type Next } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import { streamSSE } from 'hono/streaming';
import { Unavailable } from '../../lib/ports/store.ts';
import { askConsole } from '../../lib/runtime/ask-console.ts';
import { addressOf, isFromHere, isSafe, isStreaming, readUrlEncoded } from '../../lib/runtime/browser.ts';
import { newToken, tokenDigest } from '../../lib/runtime/console-sessions.ts';
import type { ConsoleIdentity } from '../../lib/runtime/console-wire.ts';
import { networkOf } from '../../lib/runtime/networks.ts';
import { pageHeaders } from '../../lib/runtime/page-headers.ts';
import { RateLimit } from '../../lib/runtime/rate-limit.ts';
import { serveAsset } from './core/assets.ts';
import { safeBack } from './core/back.ts';
import { csrfOf, forgetSession, isCsrf, sessionToken, setSession } from './core/browser.ts';
import type { Html } from './core/form.ts';
import { frame, page } from './core/layout.ts';
import type { Sample } from './core/live.ts';
import { isLanguage, type Language, languageOf, Texts } from './core/texts.ts';
import { type ConsoleDependencies, NotShown, type View } from './core/view.ts';
import { consoleLimits } from './limits.ts';
import { entryPage } from './pages/entry.ts';
import { errorBody } from './pages/errors.ts';
import { perform } from './pages/operation.ts';
import { figures } from './pages/overview.ts';
import { pages } from './pages/pages.ts';

const languageCookie = 'skylark-console-language';

const headers = pageHeaders("script-src 'self'", "connect-src 'self'");

export function consoleApp(dependencies: ConsoleDependencies): Hono {
  const { bus, clock, log } = dependencies;
  const { sessionPerSecond, sessionBurst, strangerPerSecond, strangerBurst, ratesMax } = consoleLimits;
  const sessionRates = new RateLimit(clock, { perSecond: sessionPerSecond, burst: sessionBurst }, ratesMax);
  const strangers = new RateLimit(clock, { perSecond: strangerPerSecond, burst: strangerBurst }, ratesMax);
  const app = new Hono().basePath('/console');

  app.use(async (c: Context, next: Next) => {
    await next();
    for (const [name, value] of Object.entries(headers)) c.header(name, value);
    if (!c.res.headers.has('cache-control')) c.header('cache-control', 'no-store');
  });
  app.get('/assets/:name', serveAsset(dependencies.assets));
  app.get('/language/:code', (c) => {
    const { code } = c.req.param();
    if (isLanguage(code))
      setCookie(c, languageCookie, code, { path: '/console', sameSite: 'Strict', maxAge: consoleLimits.languageSeconds });
    return c.redirect(safeBack(c.req.query('back')), 303);
  });
  app.get('/enter/:link', (c) => {
    const { link } = c.req.param();
    return show(c, entryPage({ texts: textsOf(c), link, isSafe: isSafe(c) }));
  });
  app.post('/enter', enter);
  app.post('/leave', async (c) => {
    const view = await viewOf(c);
    if (view instanceof Response) return view;
    await readSubmitted(c, view);
    await askConsole(bus, { verb: 'leave', session: view.session, address: view.address }, consoleLimits.answerMs);
    forgetSession(c);
    return c.redirect('/console', 303);
  });
  app.get('/live', async (c) => {
    const view = await viewOf(c);
    return view instanceof Response ? view : live(c, view);
  });
  app.post('/do/:operation', async (c) => {
    const view = await viewOf(c);
    if (view instanceof Response) return view;
    const answer = await perform(view, c.req.param('operation'), await readSubmitted(c, view));
    return 'to' in answer ? c.redirect(answer.to, 303) : show(c, answer.page, answer.status);
  });
  for (const { path, show: render } of pages) {
    app.get(path, async (c) => {
      const view = await viewOf(c);
      return view instanceof Response ? view : show(c, await render(view));
    });
  }
  app.all('*', async (c) => {
    const view = await viewOf(c);
    return view instanceof Response ? view : failed(c, 404, 'error.absent', view);
  });
  app.onError(async (error, c) => {
    if (error instanceof NotShown) {
      const view = await viewOf(c).catch(() => undefined);
      return failed(c, error.status, error.message, view instanceof Response ? undefined : view);
    }
    if (error instanceof Unavailable) return failed(c, 503, 'error.away');
    log.error({ err: error, path: c.req.path }, 'a page of the console failed');
    return failed(c, 500, 'error.failed');
  });
  return app as unknown as Hono;

  /** @returns the way in when nobody is in */
  async function viewOf(c: Context): Promise<View | Response> {
    const address = addressOf(c);
    const token = isSafe(c) ? sessionToken(c) : undefined;
    if (token === undefined) return welcome(c);
    const session = tokenDigest(token);
    if (!sessionRates.take(session)) return failed(c, 429, 'error.busy');
    const who = await look(session, address);
    if (who === undefined) {
      forgetSession(c);
      return welcome(c, 'entry.ended');
    }
    return { c, dependencies, texts: textsOf(c), who, csrf: csrfOf(token), session, address };
  }

  /** @throws {Unavailable} */
  async function look(session: string, address: string): Promise<ConsoleIdentity | undefined> {
    const { who, isFailure } = await askConsole(bus, { verb: 'look', session, address }, consoleLimits.answerMs);
    if (isFailure) throw new Unavailable('the router failed');
    return who;
  }

  function welcome(c: Context, error?: string): Response | Promise<Response> {
    if (!strangers.take(networkOf(addressOf(c)))) return failed(c, 429, 'error.busy');
    const isStart = c.req.path === '/console' && c.req.method === 'GET';
    const { pathname, search } = new URL(c.req.url);
    const back = isStart || c.req.method !== 'GET' ? undefined : `${pathname}${search}`;
    // What asks for a piece of a page is told to load the page that asks for the sign-in.
    if (c.req.header('hx-request') === 'true') c.header('hx-refresh', 'true');
    return show(c, entryPage({ texts: textsOf(c), isSafe: isSafe(c), error, back }), isStart ? 200 : 401);
  }

  async function enter(c: Context): Promise<Response> {
    const texts = textsOf(c);
    const address = addressOf(c);
    if (!strangers.take(networkOf(address))) return failed(c, 429, 'error.busy');
    if (!isSafe(c)) return show(c, entryPage({ texts, isSafe: false }), 403);
    if (!isFromHere(c)) return failed(c, 403, 'error.elsewhere');
    const given = await readForm(c);
    const [link, jid, password] = ['link', 'jid', 'password'].map((name) => given.get(name) ?? undefined);
    const token = newToken(clock);
    const back = given.get('_back') ?? undefined;
    const how = link === undefined ? { jid: (jid ?? '').trim(), password } : { link: tokenDigest(link) };
    const asked = { verb: 'enter', session: tokenDigest(token), address, ...how } as const;
    const { who, error = 'wrong', isFailure } = await askConsole(bus, asked, consoleLimits.answerMs);
    if (isFailure) throw new Unavailable('the router failed');
    if (who === undefined) {
      return show(c, entryPage({ texts, isSafe: true, error: `entry.${error}`, back, ...(jid !== undefined && { jid }) }), 403);
    }
    setSession(c, token, Math.max(1, Math.floor((who.expiresMs - clock.now()) / 1_000)));
    return c.redirect(safeBack(back), 303);
  }

  /** A form of this session. @throws {NotShown} */
  async function readSubmitted(c: Context, { texts }: View): Promise<URLSearchParams> {
    if (!isFromHere(c)) throw new NotShown(403, texts.of('error.elsewhere'));
    const submitted = await readForm(c);
    if (!isCsrf(sessionToken(c)!, submitted.get('_csrf') ?? undefined)) throw new NotShown(403, texts.of('error.csrf'));
    return submitted;
  }

  function live(c: Context, view: View): Response | Promise<Response> {
    const source = view.who.domain === undefined && isStreaming(c) ? dependencies.live : undefined;
    if (source === undefined) return failed(c, 404, 'error.absent', view);
    return streamSSE(c, async (stream) => {
      const ended = Promise.withResolvers<void>();
      let samples = 0;
      const tell = (sample: Sample) => {
        samples++;
        if (samples % consoleLimits.watcherLookSamples === 0) {
          void look(view.session, view.address).then(
            (who) => who ?? ended.resolve(),
            () => ended.resolve(),
          );
        }
        void Promise.resolve(figures(view, sample))
          .then((text) => stream.writeSSE({ data: `${text}`.replaceAll(/\n\s*/g, '') }))
          .catch(() => ended.resolve());
      };
      const stop = source.watch({ session: view.session, tell });
      if (stop === undefined) return;
      stream.onAbort(() => ended.resolve());
      await ended.promise;
      stop();
    });
  }

  function failed(c: Context, status: 400 | 403 | 404 | 429 | 500 | 503, key: string, view?: View): Response | Promise<Response> {
    const texts = textsOf(c);
    const message = texts.find(key) ?? key;
    const title = texts.of(`status.${status}`);
    const body = errorBody(texts, message);
    return show(c, view === undefined ? frame(texts, title, body) : page(view, { title, nav: '', body: message }), status);
  }

  async function show(
    c: Context,
    text: Html,
    status: 200 | 400 | 401 | 403 | 404 | 409 | 429 | 500 | 502 | 503 = 200,
  ): Promise<Response> {
    return c.html(text, status);
  }
}

function textsOf(c: Context): Texts {
  const chosen = getCookie(c, languageCookie);
  const language: Language = isLanguage(chosen) ? chosen : languageOf(c.req.header('accept-language'));
  return new Texts(language);
}

/** @throws {NotShown} */
async function readForm(c: Context): Promise<URLSearchParams> {
  const submitted = await readUrlEncoded(c, consoleLimits.bodyBytesMax);
  if (submitted === undefined) throw new NotShown(400, 'error.form');
  return submitted;
}
