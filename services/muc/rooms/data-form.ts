/** Data forms as rooms use them: XEP-0004. */
import { limits } from '../../../lib/limits.ts';
import { type Element, xml } from '../../../lib/xmpp/element.ts';
import { StanzaError } from '../../../lib/xmpp/errors.ts';
import { NS_DATA, NS_VALIDATE } from '../core/namespaces.ts';

export interface Field {
  readonly var: string;
  readonly type?: string;
  readonly label?: string;
  readonly values?: readonly string[];
  readonly isRequired?: boolean;
  /** XEP-0122: a whole number. */
  readonly range?: { readonly min: number; readonly max: number };
  /** XEP-0122 §3.2.2: other values than those of a list will do. */
  readonly isOpen?: boolean;
  readonly options?: readonly { readonly value: string; readonly label?: string }[];
}

export interface Form {
  readonly type: 'form' | 'result';
  readonly formType: string;
  readonly title?: string;
  readonly fields: readonly Field[];
}

export function renderForm({ type, formType, title, fields }: Form): Element {
  return xml(
    'x',
    { xmlns: NS_DATA, type },
    title === undefined ? undefined : xml('title', {}, title),
    xml('field', { var: 'FORM_TYPE', type: 'hidden' }, xml('value', {}, formType)),
    fields.map((field) =>
      xml(
        'field',
        { var: field.var, type: field.type, label: field.label },
        field.range &&
          xml(
            'validate',
            { xmlns: NS_VALIDATE, datatype: 'xs:integer' },
            xml('range', { min: field.range.min, max: field.range.max }),
          ),
        field.isOpen ? xml('validate', { xmlns: NS_VALIDATE, datatype: 'xs:string' }, xml('open')) : undefined,
        field.isRequired ? xml('required') : undefined,
        (field.values ?? []).map((value) => xml('value', {}, value)),
        (field.options ?? []).map(({ value, label }) => xml('option', { label }, xml('value', {}, value))),
      ),
    ),
  );
}

/** XEP-0068. */
export function formTypeOf(form: Element): string | undefined {
  const field = form.getChildElements().find(({ attrs }) => attrs.var === 'FORM_TYPE');
  return field?.getChildText('value') ?? undefined;
}

/** The values of each field. @throws {StanzaError} not-acceptable beyond the bounds, bad-request for a field without name */
export function readForm(form: Element): Map<string, readonly string[]> {
  const fields = form.getChildren('field');
  if (fields.length > limits.formFieldsMax) {
    throw new StanzaError('not-acceptable', `a form has at most ${limits.formFieldsMax} fields, not ${fields.length}`);
  }
  const read = new Map<string, readonly string[]>();
  for (const field of fields) {
    const name = field.attrs.var;
    if (name === undefined) throw new StanzaError('bad-request', "a field of a form needs its 'var'");
    const values = field.getChildren('value');
    if (values.length > limits.formValuesMax) {
      throw new StanzaError('not-acceptable', `the field ${name} has at most ${limits.formValuesMax} values`);
    }
    read.set(
      name,
      values.map((value) => {
        const text = value.getText();
        if (text.length > limits.formValueCharactersMax) {
          throw new StanzaError('not-acceptable', `values of ${name} have at most ${limits.formValueCharactersMax} characters`);
        }
        return text;
      }),
    );
  }
  return read;
}
