/** Forms as HTML. Each works without scripts, says what each field is for, and carries the session's token. */
import { html } from 'hono/html';
import type { OperationDescription } from '../../../lib/runtime/operation.ts';
import { type FormField, fieldsOf, shownValue } from './fields.ts';
import { type FieldGroup, groupsOf } from './groups.ts';
import type { Texts } from './texts.ts';
import { mayDo, type View } from './view.ts';

export type Html = ReturnType<typeof html>;

export interface FormOptions {
  /** Values of fields that cannot be changed here: they are shown, or hidden if somebody sees them anyway. */
  readonly fixed?: Readonly<Record<string, unknown>>;
  readonly isFixedHidden?: boolean;
  /** Values that the fields show at first. */
  readonly values?: Readonly<Record<string, unknown>>;
  /** Text that stands behind a field, and is added to what has no @. */
  readonly suffix?: Readonly<Record<string, string>>;
  /** Fields that are left out. */
  readonly without?: readonly string[];
  /** Where to go when it is done. */
  readonly back: string;
  /** What is wrong with what was filled in. */
  readonly error?: string | undefined;
  readonly submit?: string;
  /** Set where the holder has to show who they are. */
  readonly asksProof?: boolean;
}

export function helpOf({ texts }: View, { name, help }: OperationDescription): string {
  return texts.own(`operations.${name}.help`) ?? help;
}

/** The name of an operation as a heading or on a button: `Add an account`. */
export function titleOf(view: View, operation: OperationDescription): string {
  const own = view.texts.find(`operations.${operation.name}.title`);
  return own ?? helpOf(view, operation).replace(/[.。].*$/s, '');
}

/** Whoever is in the console shows again who they are before something is destroyed, or a secret is made. */
function isGrave({ http, isGrave: isMarked }: OperationDescription): boolean {
  return isMarked === true || (!('whyNone' in http) && http.method === 'delete');
}

export function operationForm(view: View, operation: OperationDescription, options: FormOptions): Html {
  const { fixed = {}, values = {}, without = [], suffix = {}, error, isFixedHidden = false } = options;
  const fields = fieldsOf(operation, view.texts, view.who.rights).filter(({ name }) => !without.includes(name));
  const open = fields.filter(({ name, isVersion }) => !isVersion && !Object.hasOwn(fixed, name));
  const seen = fields
    .filter(({ name, isVersion }) => isVersion && !Object.hasOwn(fixed, name) && values[name] !== undefined)
    .map(({ name }) => [name, values[name]] as const);
  const shown = isFixedHidden ? [] : fields.filter(({ name }) => Object.hasOwn(fixed, name));
  const asksProof = options.asksProof ?? (isGrave(operation) && !view.who.isProven);
  const id = (name: string) => `${operation.name}-${name}`;
  return html`<form method="post" action="/console/do/${operation.name}" class="form" autocomplete="off">
    ${hiddenFields(view, options.back)}
    ${[...Object.entries(fixed), ...seen].map(([name, value]) => html`<input type="hidden" name="${name}" value="${shownValue(value)}">`)}
    ${error === undefined ? '' : html`<p class="notice bad" role="alert">${error}</p>`}
    ${
      shown.length === 0
        ? ''
        : html`<dl class="facts">${shown.map(
            ({ name, label }) => html`<div><dt>${label}</dt><dd>${shownValue(fixed[name])}</dd></div>`,
          )}</dl>`
    }
    ${fieldsHtml(view, operation, groupsOf(operation.name, open), (field) =>
      fieldHtml(view, operation, field, id(field.name), values[field.name], suffix[field.name]),
    )}
    ${asksProof ? proofField(view, id('proof')) : ''}
    <p class="actions"><button type="submit" class="${buttonKind(operation)}">${
      options.submit ?? titleOf(view, operation)
    }</button></p>
  </form>`;
}

/** Many fields stand in groups, with links to them. */
function fieldsHtml(
  { texts }: View,
  { name }: OperationDescription,
  groups: readonly FieldGroup[],
  fieldHtmlOf: (field: FormField) => Html,
): Html {
  const grid = (fields: readonly FormField[]) => html`<div class="fields">${fields.map(fieldHtmlOf)}</div>`;
  if (groups.length < 2) return grid(groups.flatMap(({ fields }) => fields));
  const titled = groups.map(({ key, fields }) => ({ id: `${name}--${key}`, title: texts.of(`policyGroups.${key}`), fields }));
  return html`<nav class="parts" aria-label="${texts.of('form.groups')}"><ul>${titled.map(
    ({ id, title }) => html`<li><a href="#${id}">${title}</a></li>`,
  )}</ul></nav>
    ${titled.map(({ id, title, fields }) => html`<fieldset id="${id}"><legend>${title}</legend>${grid(fields)}</fieldset>`)}`;
}

function buttonKind({ http }: OperationDescription): string {
  return !('whyNone' in http) && http.method === 'delete' ? 'danger' : 'primary';
}

function hiddenFields({ csrf }: View, back: string): Html {
  return html`<input type="hidden" name="_csrf" value="${csrf}"><input type="hidden" name="_back" value="${back}">`;
}

function fieldHtml(
  { texts }: View,
  { http }: OperationDescription,
  field: FormField,
  id: string,
  value: unknown,
  suffix?: string,
): Html {
  const { name, label, hint, isRequired, kind } = field;
  const hintId = `${id}-hint`;
  const described = hint === undefined ? '' : html` aria-describedby="${hintId}"`;
  const isChange = !('whyNone' in http) && http.method === 'patch';
  const absent = texts.of(isChange ? 'form.unchanged' : 'form.preset');
  const control = controlHtml(texts, field, id, value, described, absent);
  if (kind === 'flag') {
    return html`<div class="field flag">${control}<label for="${id}">${label}</label>
      ${hint === undefined ? '' : html`<p class="hint" id="${hintId}">${hint}</p>`}</div>`;
  }
  return html`<div class="field"><label for="${id}">${label}${
    isRequired || kind === 'choice' || value !== undefined
      ? ''
      : html` <span class="optional">${texts.of('form.optional')}</span>`
  }</label>
    ${suffix === undefined ? control : html`<span class="suffixed">${control}<span>${suffix}</span></span><input type="hidden" name="_suffix_${name}" value="${suffix}">`}
    ${hint === undefined ? '' : html`<p class="hint" id="${hintId}">${hint}</p>`}</div>`;
}

/** @param absent what a choice says that is not made */
function controlHtml(texts: Texts, field: FormField, id: string, given: unknown, described: Html | string, absent: string): Html {
  const { name, kind, isRequired, choices, preset, min, max } = field;
  const value = given === undefined ? preset : shownValue(given);
  const required = isRequired ? html` required` : '';
  switch (kind) {
    case 'choice':
      return html`<select id="${id}" name="${name}"${described}>${
        isRequired || preset !== '' || given !== undefined ? '' : html`<option value="">${absent}</option>`
      }${choices.map((choice) => html`<option value="${choice}"${choice === value ? html` selected` : ''}>${texts.choice(choice)}</option>`)}</select>`;
    case 'flag':
      return html`<input type="hidden" name="_has_${name}" value="1"><input type="checkbox" id="${id}" name="${name}" value="true"${
        value === 'true' ? html` checked` : ''
      }${described}>`;
    case 'lines':
    case 'pairs':
    case 'document':
      return html`<textarea id="${id}" name="${name}" rows="3"${required}${described} spellcheck="false">${value}</textarea>`;
    case 'secret':
      return html`<input type="password" id="${id}" name="${name}" autocomplete="new-password"${required}${described}>`;
    case 'number':
      return html`<input type="number" id="${id}" name="${name}" value="${value}" step="any"${
        min === undefined ? '' : html` min="${min}"`
      }${max === undefined ? '' : html` max="${max}"`}${required}${described}>`;
    default:
      return html`<input type="text" id="${id}" name="${name}" value="${value}" spellcheck="false" autocapitalize="none"${required}${described}>`;
  }
}

/** The password of the account, or another link. */
function proofField({ texts, who }: View, id: string): Html {
  const { isAccount } = who;
  const [label, hint] = isAccount ? ['proof.password', 'proof.passwordHint'] : ['proof.link', 'proof.linkHint'];
  return html`<div class="field proof"><label for="${id}">${texts.of(label!)}</label>
    <input type="${isAccount ? 'password' : 'text'}" id="${id}" name="_proof" required aria-describedby="${id}-hint"
      autocomplete="${isAccount ? 'current-password' : 'off'}" spellcheck="false">
    <p class="hint" id="${id}-hint">${texts.of(hint!)}</p></div>`;
}

/** A button that does something at once with what it names. Who may not do it is not shown it. */
export function actionButton(
  view: View,
  operation: string,
  given: Readonly<Record<string, unknown>>,
  { back, label, about }: { readonly back: string; readonly label: string; readonly about: string },
): Html | string {
  if (!mayDo(view, operation)) return '';
  return html`<form method="post" action="/console/do/${operation}" class="inline">${hiddenFields(view, back)}
    ${Object.entries(given).map(([name, value]) => html`<input type="hidden" name="${name}" value="${shownValue(value)}">`)}
    <button type="submit" class="small" aria-label="${label}: ${about}">${label}</button></form>`;
}

/** A link to the form of an operation, for what needs a look first. Who may not do it is not shown it. */
export function formLink(
  view: View,
  operation: string,
  given: Readonly<Record<string, string>>,
  {
    back,
    label,
    about,
    kind = '',
  }: { readonly back: string; readonly label: string; readonly about: string; readonly kind?: string },
): Html | string {
  if (!mayDo(view, operation)) return '';
  const query = new URLSearchParams({ ...given, _back: back });
  return html`<a class="button small ${kind}" href="/console/do/${operation}?${query.toString()}" aria-label="${label}: ${about}">${label}</a>`;
}
