/**
 * Fields of vcard-temp (XEP-0054) and of vCard4 (RFC 6351) that stand for each other (XEP-0292 §9). The name is kept equal in both; the other
 * fields are converted only for who has written one of the two.
 */
import { type Child, Element, xml } from '../../../lib/xmpp/element.ts';

export const tempNs = 'vcard-temp';
export const vcard4Ns = 'urn:ietf:params:xml:ns:vcard-4.0';

interface Field {
  /** The name of its elements in vcard-temp, and in vCard4. */
  readonly names: readonly [temp: string, vcard4: string];
  readonly toVcard4: (field: Element) => Child;
  readonly toTemp: (field: Element) => Child;
}

/** A field that is one text. @param kind the element that holds it in vCard4. @param inside the element that holds it in vcard-temp */
function simple(temp: string, vcard4: string, kind: 'text' | 'uri' | 'date', inside?: string): Field {
  return {
    names: [temp, vcard4],
    toVcard4(field) {
      const text = inside === undefined ? field.getText() : field.getChildText(inside, tempNs);
      return text?.trim() ? xml(vcard4, { xmlns: vcard4Ns }, xml(kind, {}, text.trim())) : undefined;
    },
    toTemp(field) {
      const text = field.getChildText(kind, vcard4Ns)?.trim();
      return text ? xml(temp, { xmlns: tempNs }, inside === undefined ? text : xml(inside, {}, text)) : undefined;
    },
  };
}

/** A field with parts. */
function structured(temp: string, vcard4: string, parts: readonly (readonly [temp: string, vcard4: string])[]): Field {
  const convert = (field: Element, from: 0 | 1): Child => {
    const [ns, to] = from === 0 ? ([tempNs, 1] as const) : ([vcard4Ns, 0] as const);
    const found = parts.flatMap((names) => {
      return field.getChildren(names[from], ns).map((part) => xml(names[to], {}, part.getText().trim()));
    });
    const isEmpty = found.every((part) => part.getText() === '');
    return isEmpty ? undefined : xml(from === 0 ? vcard4 : temp, { xmlns: from === 0 ? vcard4Ns : tempNs }, found);
  };
  return { names: [temp, vcard4], toVcard4: (field) => convert(field, 0), toTemp: (field) => convert(field, 1) };
}

/** A telephone number is a URI in vCard4 (§9.3.5), or a text. */
const telephone: Field = {
  names: ['TEL', 'tel'],
  toVcard4(field) {
    const number = field.getChildText('NUMBER', tempNs)?.trim();
    return number ? xml('tel', { xmlns: vcard4Ns }, xml('text', {}, number)) : undefined;
  },
  toTemp(field) {
    const uri = field.getChildText('uri', vcard4Ns)?.trim();
    const number = field.getChildText('text', vcard4Ns)?.trim() || uri?.replace(/^tel:/i, '');
    return number ? xml('TEL', { xmlns: tempNs }, xml('NUMBER', {}, number)) : undefined;
  },
};

/** §9.1.2. */
const address: Field = {
  names: ['JABBERID', 'impp'],
  toVcard4(field) {
    const jid = field.getText().trim();
    return jid ? xml('impp', { xmlns: vcard4Ns }, xml('uri', {}, `xmpp:${jid}`)) : undefined;
  },
  toTemp(field) {
    const [, jid] = /^xmpp:(.+)$/.exec(field.getChildText('uri', vcard4Ns)?.trim() ?? '') ?? [];
    return jid ? xml('JABBERID', { xmlns: tempNs }, jid) : undefined;
  },
};

const nameFields: readonly Field[] = [
  simple('FN', 'fn', 'text'),
  structured('N', 'n', [
    ['FAMILY', 'surname'],
    ['GIVEN', 'given'],
    ['MIDDLE', 'additional'],
    ['PREFIX', 'prefix'],
    ['SUFFIX', 'suffix'],
  ]),
  simple('NICKNAME', 'nickname', 'text'),
];

const allFields: readonly Field[] = [
  ...nameFields,
  simple('BDAY', 'bday', 'date'),
  simple('URL', 'url', 'uri'),
  simple('TITLE', 'title', 'text'),
  simple('ROLE', 'role', 'text'),
  simple('ORG', 'org', 'text', 'ORGNAME'),
  simple('EMAIL', 'email', 'text', 'USERID'),
  simple('DESC', 'note', 'text'),
  simple('TZ', 'tz', 'text'),
  structured('ADR', 'adr', [
    ['POBOX', 'pobox'],
    ['EXTADD', 'ext'],
    ['STREET', 'street'],
    ['LOCALITY', 'locality'],
    ['REGION', 'region'],
    ['PCODE', 'code'],
    ['CTRY', 'country'],
  ]),
  telephone,
  address,
];

/** Makes a vCard4 from a vcard-temp, without its photo. */
export function vcard4From(temp: Element): Element {
  return withChildren(xml('vcard', { xmlns: vcard4Ns }), () => true, converted(temp, allFields, 'toVcard4'));
}

/** Makes a vcard-temp from a vCard4, without its photo. */
export function tempFrom(vcard4: Element): Element {
  return withChildren(xml('vCard', { xmlns: tempNs }), () => true, converted(vcard4, allFields, 'toTemp'));
}

/** The vCard4 with the name that a vcard-temp has. */
export function withNameOfTemp(vcard4: Element, temp: Element): Element {
  return replaced(vcard4, ({ names: [, name] }) => [name, vcard4Ns], converted(temp, nameFields, 'toVcard4'));
}

/** The vcard-temp with the name that a vCard4 has. */
export function withNameOfVcard4(temp: Element, vcard4: Element): Element {
  return replaced(temp, ({ names: [name] }) => [name, tempNs], converted(vcard4, nameFields, 'toTemp'));
}

function converted(card: Element, fields: readonly Field[], to: 'toVcard4' | 'toTemp'): Child[] {
  const [index, ns] = to === 'toVcard4' ? ([0, tempNs] as const) : ([1, vcard4Ns] as const);
  return fields.flatMap((field) => card.getChildren(field.names[index], ns).map((child) => field[to](child as Element)));
}

function replaced(card: Element, nameOf: (field: Field) => readonly [string, string], names: readonly Child[]): Element {
  const replacedNames = nameFields.map(nameOf);
  return withChildren(card, (child) => !replacedNames.some(([name, ns]) => child.is(name, ns)), names);
}

/** A copy with only some of the children, and with others in front of them. */
export function withChildren(card: Element, stays: (child: Element) => boolean, added: readonly Child[]): Element {
  const copy = new Element(card.name, { ...card.attrs });
  for (const child of added.flat() as Element[]) {
    if (child === undefined) continue;
    if (child.attrs.xmlns === copy.findNS()) delete child.attrs.xmlns;
    copy.cnode(child);
  }
  for (const child of card.children) if (typeof child === 'string' || stays(child as Element)) copy.cnode(child as Element);
  return copy;
}
