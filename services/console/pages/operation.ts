/**
 * The form of any operation, what comes of it, and the list of all operations. A page for an operation need not be written: it follows from
 * the declaration.
 */
import { html } from 'hono/html';
import type { z } from 'zod';
import { Unavailable } from '../../../lib/ports/store.ts';
import { askConsole } from '../../../lib/runtime/ask-console.ts';
import { isSecure } from '../../../lib/runtime/browser.ts';
import { tokenDigest } from '../../../lib/runtime/console-sessions.ts';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { qrHtml } from '../../../lib/runtime/qr-html.ts';
import { safeBack } from '../core/back.ts';
import { fieldsOf, readForm, shownValue } from '../core/fields.ts';
import { type Html, helpOf, operationForm, titleOf } from '../core/form.ts';
import { card, page } from '../core/layout.ts';
import { ask, isOffered, NotShown, operationNamed, type View } from '../core/view.ts';
import { consoleLimits } from '../limits.ts';

/** What a browser was answered: a page, or where to go. */
export type Answer = { readonly page: Html; readonly status: 200 | 400 | 403 | 404 | 409 | 502 | 503 } | { readonly to: string };

/** @throws {NotShown} */
function offered(view: View, name: string): OperationDescription {
  const operation = operationNamed(view, name);
  if (operation === undefined || !isOffered(view, operation)) throw new NotShown(404, view.texts.of('error.absent'));
  return operation;
}

export function operationPage(view: View, name: string): Html {
  const operation = offered(view, name);
  const given = new URL(view.c.req.url).searchParams;
  const known = new Set(fieldsOf(operation, view.texts, view.who.rights).map((field) => field.name));
  const fixed = Object.fromEntries([...given].filter(([field]) => known.has(field)));
  return formPage(view, operation, { fixed, back: safeBack(given.get('_back')) });
}

interface FormPage {
  readonly fixed: Readonly<Record<string, unknown>>;
  readonly values?: Readonly<Record<string, unknown>>;
  readonly back: string;
  readonly error?: string;
  readonly asksProof?: boolean;
}

function formPage(view: View, operation: OperationDescription, options: FormPage): Html {
  const { texts, who } = view;
  const own = who.domain !== undefined && hasDomain(operation) ? { domain: who.domain } : {};
  const form = operationForm(view, operation, {
    ...options,
    fixed: { ...own, ...options.fixed },
    ...(options.asksProof !== undefined && { asksProof: options.asksProof }),
  });
  return page(view, {
    title: titleOf(view, operation),
    nav: '',
    trail: [{ label: texts.of('form.back'), path: options.back }],
    body: html`<section class="card narrow"><p class="note">${helpOf(view, operation)}</p>${form}</section>`,
  });
}

function hasDomain({ input }: OperationDescription): boolean {
  return Object.hasOwn((input as z.ZodObject).shape, 'domain');
}

/** Does what was filled in. @throws {NotShown} @throws {Unavailable} */
export async function perform(view: View, name: string, submitted: URLSearchParams): Promise<Answer> {
  const operation = offered(view, name);
  const back = safeBack(submitted.get('_back'));
  for (const [field, suffix] of [...submitted].filter(([field]) => field.startsWith('_suffix_'))) {
    const value = submitted.get(field.slice('_suffix_'.length)) ?? '';
    if (value !== '' && !value.includes('@')) submitted.set(field.slice('_suffix_'.length), `${value}${suffix}`);
  }
  const input = readForm(fieldsOf(operation, view.texts), submitted);
  const again = (error: string, status: 400 | 403 | 404 | 409 | 502 | 503, asksProof?: boolean): Answer => ({
    page: formPage(view, operation, {
      fixed: {},
      values: withoutSecrets(operation, input),
      back,
      error,
      ...(asksProof && { asksProof }),
    }),
    status,
  });
  const proof = submitted.get('_proof');
  if (proof !== null) {
    const wrong = await prove(view, proof.trim());
    if (wrong !== undefined) return again(wrong, 403, true);
  }
  const isLong = Object.hasOwn((operation.input as z.ZodObject).shape, 'waitMs');
  const { ok, result, error, refusal } = await ask(view, name, {
    ...input,
    ...(isLong && { waitMs: consoleLimits.removalWaitMs }),
  });
  if (refusal === 'unproven') return again(view.texts.of('proof.needed'), 403, true);
  if (!ok) {
    if (refusal === undefined) throw new Error(`the operation '${name}' failed: ${error}`);
    if (refusal === 'away') throw new Unavailable(error);
    return again(error ?? '', statusOf(refusal));
  }
  const shown = result as Readonly<Record<string, unknown>>;
  if (isShown(operation)) return { page: resultPage(view, operation, shown, back), status: 200 };
  const to = new URL(back, 'http://console.invalid');
  to.searchParams.set('done', name);
  if (shown.progress !== undefined) to.searchParams.set('begun', '1');
  return { to: `${to.pathname}${to.search}` };
}

function statusOf(refusal: string): 400 | 403 | 404 | 409 | 502 {
  const statuses: Readonly<Record<string, 400 | 403 | 404 | 409 | 502>> = {
    absent: 404,
    conflict: 409,
    stale: 409,
    forbidden: 403,
    unanswered: 502,
  };
  return statuses[refusal] ?? 400;
}

/** @returns what was wrong */
async function prove({ dependencies, session, address, who, texts }: View, proof: string): Promise<string | undefined> {
  const shown = who.isAccount ? { password: proof } : { link: tokenDigest(proof.split('/').at(-1)!) };
  const { error } = await askConsole(dependencies.bus, { verb: 'prove', session, address, ...shown }, consoleLimits.answerMs);
  return error === undefined ? undefined : texts.of(`entry.${error}`);
}

/** Passwords are typed again: they are not sent back to the browser. */
function withoutSecrets({ input }: OperationDescription, given: Readonly<Record<string, unknown>>) {
  const { shape } = input as z.ZodObject;
  return Object.fromEntries(
    Object.entries(given).filter(([name]) => (shape[name] as z.ZodType | undefined)?.meta()?.isSecret !== true),
  );
}

/** A secret is given once; and what changes nothing is asked for to see what comes of it. */
function isShown({ output, http }: OperationDescription): boolean {
  const { shape } = output as z.ZodObject;
  if (Object.values(shape).some((field) => (field as z.ZodType).meta()?.isSecret === true)) return true;
  return !('whyNone' in http) && http.method === 'get';
}

function resultPage(view: View, operation: OperationDescription, result: Readonly<Record<string, unknown>>, back: string): Html {
  const { texts } = view;
  const { shape } = operation.output as z.ZodObject;
  const isSecret = (name: string) => (shape[name] as z.ZodType | undefined)?.meta()?.isSecret === true;
  const link = isSecret('path') ? linkOf(view, result) : undefined;
  const entries = Object.entries({ ...result, ...(link !== undefined && { url: link, path: undefined }) }).filter(
    ([, value]) => value !== undefined,
  );
  return page(view, {
    title: titleOf(view, operation),
    nav: '',
    trail: [{ label: texts.of('form.back'), path: back }],
    body: html`<section class="card">
      ${entries.some(([name]) => isSecret(name)) ? html`<p class="notice warn" role="status">${texts.of('result.once')}</p>` : ''}
      <dl class="facts">${entries.map(
        ([name, value]) =>
          html`<div><dt>${texts.find(`labels.${operation.name}.${name}`) ?? texts.find(`fields.${name}.label`) ?? name}</dt><dd>${
            isSecret(name) ? html`<code class="secret">${value as string}</code>` : valueHtml(value)
          }</dd></div>`,
      )}</dl>
      ${link === undefined ? '' : html`<p>${texts.of('result.scan')}</p>${qrHtml(link, texts.of('result.qr'))}`}
      <p class="actions"><a class="button" href="${back}">${texts.of('form.back')}</a></p></section>`,
  });
}

/** The whole address of a page of ours, where the policy of the tenant does not say it: beside this one. */
function linkOf({ c }: View, { url, path }: Readonly<Record<string, unknown>>): string {
  if (typeof url === 'string') return url;
  return `${isSecure(c) ? 'https' : 'http'}://${c.req.header('host') ?? ''}${path as string}`;
}

function valueHtml(value: unknown): Html | string {
  if (Array.isArray(value) && value.every((one) => typeof one !== 'object')) return value.join(', ');
  return typeof value === 'object' ? html`<pre tabindex="0">${JSON.stringify(value, null, 2)}</pre>` : shownValue(value);
}

/** Everything that can be asked for, whether it has a page or not. */
export function operationsPage(view: View): Html {
  const { texts, dependencies } = view;
  const offers = dependencies.operations.filter((one) => !('whyNone' in one.http) && isOffered(view, one));
  const groups = Map.groupBy(offers, ({ name }) => name.split('-', 1)[0]!);
  return page(view, {
    title: texts.of('nav.more'),
    nav: 'more',
    body: html`<p class="note">${texts.of('more.note')}</p><div class="grid">${[...groups].map(([subject, list]) =>
      card(
        texts.find(`subjects.${subject}`) ?? subject,
        html`<ul class="links">${list.map(
          (one) => html`<li><a href="/console/do/${one.name}?_back=/console/operations">${titleOf(view, one)}</a></li>`,
        )}</ul>`,
      ),
    )}</div>`,
  });
}
