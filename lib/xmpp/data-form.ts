/**
 * XEP-0004 (Data Forms), version 2.13.2: the one place where forms are written and submissions are read.
 *
 * A field that a submission leaves out keeps its value (§3.4). A field without a value, `<field var='x'/>` or `<value/>`, is
 * unset (§3.5); if it cannot be unset, {@link SubmittedField} refuses it. Invalid data is `not-acceptable` and the error names
 * the field (§4); a badly built form is `bad-request`.
 *
 * Submissions may be hostile: fields, values and characters are bounded, and each value is read once.
 */
import { type Element, xml } from './element.ts';
import { StanzaError } from './errors.ts';
import { Jid } from './jid.ts';
import { xmppLimits } from './limits.ts';

export const NS_DATA = 'jabber:x:data';
const NS_VALIDATE = 'http://jabber.org/protocol/xdata-validate';

/** §3.3. */
export type FieldType =
  | 'boolean'
  | 'hidden'
  | 'jid-multi'
  | 'jid-single'
  | 'list-multi'
  | 'list-single'
  | 'text-multi'
  | 'text-private'
  | 'text-single';

export interface Field {
  readonly var: string;
  readonly type?: FieldType | undefined;
  readonly label?: string | undefined;
  readonly values?: readonly string[] | undefined;
  readonly isRequired?: boolean | undefined;
  /** XEP-0122: a whole number. */
  readonly range?: { readonly min: number; readonly max: number } | undefined;
  /** XEP-0122 §3.2.2: values that are not in the list are accepted too. */
  readonly isOpen?: boolean | undefined;
  readonly options?: readonly { readonly value: string; readonly label?: string }[] | undefined;
}

export interface Form {
  readonly type: 'form' | 'result';
  /** XEP-0068. */
  readonly formType: string;
  readonly title?: string | undefined;
  readonly fields: readonly Field[];
}

export function renderForm({ type, formType, title, fields }: Form): Element {
  return xml(
    'x',
    { xmlns: NS_DATA, type },
    title === undefined ? undefined : xml('title', {}, title),
    [{ var: 'FORM_TYPE', type: 'hidden', values: [formType] } as const, ...fields].map(renderField),
  );
}

function renderField({ var: name, type, label, values, isRequired, range, isOpen, options }: Field): Element {
  return xml(
    'field',
    { var: name, type, label },
    range && xml('validate', { xmlns: NS_VALIDATE, datatype: 'xs:integer' }, xml('range', { min: range.min, max: range.max })),
    isOpen ? xml('validate', { xmlns: NS_VALIDATE, datatype: 'xs:string' }, xml('open')) : undefined,
    isRequired ? xml('required') : undefined,
    values?.map((value) => xml('value', {}, value)),
    options?.map(({ value, label: optionLabel }) => xml('option', { label: optionLabel }, xml('value', {}, value))),
  );
}

export interface Table {
  readonly title: string;
  readonly columns: readonly string[];
  readonly rows: readonly Readonly<Record<string, string>>[];
}

/** §3.4: a result with several items. */
export function renderTable({ title, columns, rows }: Table): Element {
  return xml(
    'x',
    { xmlns: NS_DATA, type: 'result' },
    xml('title', {}, title),
    xml(
      'reported',
      {},
      columns.map((column) => xml('field', { var: column })),
    ),
    rows.map((row) =>
      xml(
        'item',
        {},
        columns.map((column) => xml('field', { var: column }, xml('value', {}, row[column]))),
      ),
    ),
  );
}

/** Finds the form among the children of `wrapper`. */
export function findForm(wrapper: Element): Element | undefined {
  return wrapper.getChild('x', NS_DATA) as Element | undefined;
}

/** A form of type 'cancel' (§3.1): the sender does not want to change anything. */
export function isCancelled(form: Element | undefined): boolean {
  return form?.attrs.type === 'cancel';
}

/** XEP-0068. */
export function formTypeOf(form: Element): string | undefined {
  const field = form.getChildren('field', NS_DATA).find(({ attrs }) => attrs.var === 'FORM_TYPE');
  return field?.getChildText('value', NS_DATA) ?? undefined;
}

/** The submitted fields by name. A field that is not in the map was left out. */
export type Submission = ReadonlyMap<string, SubmittedField>;

export const emptySubmission: Submission = new Map();

export interface SubmissionOptions {
  readonly formType: string;
  /** COMPAT: some clients submit a room's form without FORM_TYPE, against XEP-0068 §3.2. Remove this when none do. */
  readonly isFormTypeOptional?: boolean;
  /** Bounds on the values of one field, and on the characters of one value. */
  readonly valuesMax?: number;
  readonly charactersMax?: number;
}

/**
 * Reads the submitted fields, without FORM_TYPE.
 * @throws {StanzaError} bad-request when this is not a submission of this FORM_TYPE or is badly built; not-acceptable beyond the
 *   bounds
 */
export function readSubmission(form: Element, options: SubmissionOptions): Submission {
  const { formType, isFormTypeOptional = false } = options;
  const { type } = form.attrs;
  if (type !== 'submit') throw new StanzaError('bad-request', `the form is of type ${quote(type ?? '')} instead of 'submit'`);
  const elements = form.getChildren('field', NS_DATA) as Element[];
  if (elements.length > xmppLimits.formFieldsMax) {
    throw new StanzaError('not-acceptable', `a form has at most ${xmppLimits.formFieldsMax} fields, not ${elements.length}`);
  }
  const fields = new Map<string, SubmittedField>();
  for (const element of elements) {
    const { var: name, type: fieldType } = element.attrs as { var?: string; type?: string };
    if (name === undefined && fieldType === 'fixed') continue; // §3.2: a client sent a heading back
    if (name === undefined) throw new StanzaError('bad-request', "a field of a form needs its 'var'");
    if (fields.has(name)) throw new StanzaError('bad-request', `the field ${quote(name)} appears twice`);
    fields.set(name, new SubmittedField(name, readValues(name, element, options)));
  }
  const given = fields.get('FORM_TYPE')?.values[0];
  if (given !== formType && !(given === undefined && isFormTypeOptional)) {
    throw new StanzaError('bad-request', `the form's FORM_TYPE is ${quote(given ?? '')} instead of '${formType}'`);
  }
  fields.delete('FORM_TYPE');
  return fields;
}

function readValues(name: string, element: Element, options: SubmissionOptions): string[] {
  const { valuesMax = xmppLimits.formValuesMax, charactersMax = xmppLimits.formValueCharactersMax } = options;
  const values = element.getChildren('value', NS_DATA);
  if (values.length > valuesMax) {
    throw new StanzaError('not-acceptable', `the field ${quote(name)} has at most ${valuesMax} values`);
  }
  return values.map((value) => {
    const text = value.getText();
    if (text.length <= charactersMax) return text;
    throw new StanzaError('not-acceptable', `a value of ${quote(name)} has at most ${charactersMax} characters`);
  });
}

/** One submitted field, read as the type that the form declares. Each reader throws `not-acceptable` with the field's name. */
export class SubmittedField {
  readonly name: string;
  /** The values as sent. */
  readonly values: readonly string[];

  constructor(name: string, values: readonly string[]) {
    this.name = name;
    this.values = values;
  }

  /** §3.5. */
  get isEmpty(): boolean {
    return this.values.every((value) => value.trim() === '');
  }

  /** `text-single` or `text-private`; '' when it is empty. */
  text(charactersMax: number = Number.POSITIVE_INFINITY): string {
    if (this.values.length > 1) this.#refuse('takes only one value');
    const [value = ''] = this.values;
    if (value.length > charactersMax) this.#refuse(`has at most ${charactersMax} characters`);
    return value;
  }

  /** The same, for fields that must not be empty. */
  requiredText(charactersMax?: number): string {
    const text = this.text(charactersMax).trim();
    return text === '' ? this.#refuse('cannot be empty') : text;
  }

  /** `boolean`. */
  flag(): boolean {
    const text = this.text().trim();
    if (text === '1' || text === 'true') return true;
    return text === '0' || text === 'false' ? false : this.#refuse(`must be true or false, not ${quote(text)}`);
  }

  /** A whole number between `min` and `max`. */
  whole({ min, max }: { readonly min: number; readonly max: number }): number {
    const text = this.text().trim();
    const number = /^[0-9]{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return number >= min && number <= max ? number : this.#refuse(`must be a number from ${min} to ${max}, not ${quote(text)}`);
  }

  /** `list-single`. */
  choice<Value extends string>(options: readonly Value[]): Value {
    return this.#option(this.text().trim(), options);
  }

  /** `list-multi`: the chosen values in the order of the options, each once. */
  choices<Value extends string>(options: readonly Value[]): Value[] {
    const chosen = new Set(this.lines().map((value) => this.#option(value, options)));
    return options.filter((option) => chosen.has(option));
  }

  /** A list of any texts; empty ones are dropped. */
  lines(): string[] {
    return this.values.filter((value) => value.trim() !== '');
  }

  /** `jid-single`: undefined when it is empty. @throws {StanzaError} jid-malformed, or what `read` throws */
  jid(read: (text: string) => Jid = Jid.parse): Jid | undefined {
    const text = this.text().trim();
    return text === '' ? undefined : read(text);
  }

  /** `jid-multi`: each once (§3.3). @throws {StanzaError} jid-malformed, or what `read` throws */
  jids(read: (text: string) => Jid = Jid.parse): Jid[] {
    const jids = this.lines().map((value) => read(value.trim()));
    return [...new Map(jids.map((jid) => [jid.toString(), jid])).values()];
  }

  #option<Value extends string>(text: string, options: readonly Value[]): Value {
    return options.includes(text as Value)
      ? (text as Value)
      : this.#refuse(`must be one of ${options.join(', ')}, not ${quote(text)}`);
  }

  #refuse(why: string): never {
    throw new StanzaError('not-acceptable', `${this.name.slice(0, 64)} ${why}`);
  }
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 64));
}
