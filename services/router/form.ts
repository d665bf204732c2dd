/** XEP-0004: Data Forms, as far as requests of accounts need them. */
import { limits } from '../../lib/limits.ts';
import { type Element, xml } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';

const NS = 'jabber:x:data';

/**
 * The fields of the submitted form in `parent`, by name; empty when there is none.
 * @throws {StanzaError} bad-request when it is no submitted form of this FORM_TYPE
 */
export function readForm(parent: Element, formType: string): Map<string, readonly string[]> {
  const fields = new Map<string, readonly string[]>();
  const form = parent.getChild('x', NS);
  if (!form) return fields;
  if (form.attrs.type !== 'submit')
    throw new StanzaError('bad-request', `a form of type '${form.attrs.type ?? ''}', not 'submit'`);
  const list = form.getChildren('field', NS);
  if (list.length > limits.formFieldsMax)
    throw new StanzaError('policy-violation', `a form has at most ${limits.formFieldsMax} fields`);
  for (const field of list) {
    if (field.attrs.var)
      fields.set(
        field.attrs.var,
        field.getChildren('value', NS).map((value) => value.getText()),
      );
  }
  const type = fields.get('FORM_TYPE')?.[0];
  if (type !== formType) throw new StanzaError('bad-request', `FORM_TYPE is '${type ?? ''}', not '${formType}'`);
  fields.delete('FORM_TYPE');
  return fields;
}

export function answerForm(type: 'form' | 'result', fields: readonly Element[]): Element {
  return xml('x', { xmlns: NS, type }, ...fields);
}
