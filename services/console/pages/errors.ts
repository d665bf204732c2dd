/** What somebody sees who has no page. */
import { html } from 'hono/html';
import type { Html } from '../core/form.ts';
import type { Texts } from '../core/texts.ts';

export function errorBody(texts: Texts, message: string): Html {
  return html`<main id="main" class="entry"><section class="card"><h1>${texts.of('error.title')}</h1><p class="notice bad" role="alert">${message}</p>
    <p class="actions"><a class="button" href="/console">${texts.of('error.start')}</a></p></section></main>`;
}
