/** XEP-0004: how a submission is read, whatever its form. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  isCancelled,
  readSubmission,
  renderForm,
  type SubmissionOptions,
  type SubmittedField,
} from '../../lib/xmpp/data-form.ts';
import { parseElement } from '../../lib/xmpp/element.ts';
import { StanzaError } from '../../lib/xmpp/errors.ts';
import { Jid } from '../../lib/xmpp/jid.ts';
import { xmppLimits } from '../../lib/xmpp/limits.ts';

const formType = 'urn:example:form';
const hidden = `<field var='FORM_TYPE'><value>${formType}</value></field>`;
const form = (inside: string, type = 'submit') => parseElement(`<x xmlns='jabber:x:data' type='${type}'>${inside}</x>`);
const read = (inside: string, options: Partial<SubmissionOptions> = {}) =>
  readSubmission(form(hidden + inside), { formType, ...options });
const fieldOf = (inside: string) => read(`<field var='x'>${inside}</field>`).get('x')!;
const values = (...list: readonly string[]) => list.map((value) => `<value>${value}</value>`).join('');
const refuses = (work: () => unknown, condition: string) =>
  assert.throws(work, (error) => error instanceof StanzaError && error.condition === condition && error.text !== undefined);

test('§3.4, §3.5: a field that is left out is absent; a field without a value, or with an empty one, is empty', () => {
  assert.equal(read('').get('x'), undefined);
  for (const inside of ['', '<value/>', '<value></value>', '<value> </value>', '<value/><value/>', '<required/>']) {
    assert.equal(fieldOf(inside).isEmpty, true, inside);
  }
  assert.equal(fieldOf('<value>0</value>').isEmpty, false);
});

const readers: readonly [
  type: string,
  read: (field: SubmittedField) => unknown,
  good: readonly [string, unknown][],
  bad: readonly string[],
][] = [
  [
    'text-single',
    (field) => field.text(5),
    [
      ['', ''],
      ['<value/>', ''],
      [values('a b'), 'a b'],
    ],
    [values('abcdef'), values('a', 'b'), values('', '')],
  ],
  ['a required text', (field) => field.requiredText(), [[values(' a '), 'a']], ['', '<value/>', values('  '), values('a', 'b')]],
  [
    'boolean',
    (field) => field.flag(),
    [
      [values('1'), true],
      [values('true'), true],
      [values('0'), false],
      [values('false'), false],
      [values(' true\n'), true],
    ],
    ['', '<value/>', values('TRUE'), values('yes'), values('2'), values('1', '0')],
  ],
  [
    'a whole number',
    (field) => field.whole({ min: 1, max: 10 }),
    [
      [values('1'), 1],
      [values('010'), 10],
    ],
    [
      '',
      '<value/>',
      values('0'),
      values('11'),
      values('-1'),
      values('1.0'),
      values('1e0'),
      values('０'),
      values('9'.repeat(400)),
    ],
  ],
  [
    'list-single',
    (field) => field.choice(['a', 'b']),
    [
      [values('a'), 'a'],
      [values('b'), 'b'],
    ],
    ['', '<value/>', values('c'), values('A'), values('a', 'b'), values('constructor')],
  ],
  [
    'list-multi',
    (field) => field.choices(['a', 'b', 'c']),
    [
      ['', []],
      ['<value/>', []],
      [values('c', 'a', 'c'), ['a', 'c']],
    ],
    [values('a', 'd'), values('a b')],
  ],
  [
    'text-multi',
    (field) => field.lines(),
    [
      ['', []],
      ['<value/>', []],
      [values('a', '', 'b'), ['a', 'b']],
    ],
    [],
  ],
  [
    'jid-multi',
    (field) => field.jids().map(String),
    [
      ['', []],
      ['<value/>', []],
      [values('A@b.example', 'a@B.example', ' c.example '), ['a@b.example', 'c.example']],
    ],
    [],
  ],
  [
    'jid-single',
    (field) => field.jid()?.toString(),
    [
      ['', undefined],
      ['<value/>', undefined],
      [values(' a@b.example/x'), 'a@b.example/x'],
    ],
    [values('a.example', 'b.example')],
  ],
];
for (const [type, reader, good, bad] of readers) {
  test(`§3.3: ${type}`, () => {
    for (const [inside, expected] of good) assert.deepEqual(reader(fieldOf(inside)), expected, inside);
    for (const inside of bad) refuses(() => reader(fieldOf(inside)), 'not-acceptable');
  });
}

test('§3.3: an invalid JID is jid-malformed, alone or in a list', () => {
  refuses(() => fieldOf(values('@@')).jid(), 'jid-malformed');
  refuses(() => fieldOf(values('a@b.example', '@@')).jids(), 'jid-malformed');
  refuses(() => fieldOf(values('a@b.example')).jid((text) => Jid.parse(`${text}/`)), 'jid-malformed');
});

for (const [what, element, condition] of [
  ['that is to be filled in', form(hidden, 'form'), 'bad-request'],
  ['that is a result', form(hidden, 'result'), 'bad-request'],
  ['that is cancelled', form('', 'cancel'), 'bad-request'],
  ['without type', parseElement(`<x xmlns='jabber:x:data'>${hidden}</x>`), 'bad-request'],
  ['without FORM_TYPE', form(''), 'bad-request'],
  ['of another FORM_TYPE', form("<field var='FORM_TYPE'><value>urn:example:other</value></field>"), 'bad-request'],
  ['with a field without name', form(`${hidden}<field><value>1</value></field>`), 'bad-request'],
  ['with a field twice', form(`${hidden}<field var='x'/><field var='x'/>`), 'bad-request'],
  ['with two FORM_TYPEs', form(hidden + hidden), 'bad-request'],
  [
    'with too many fields',
    form(hidden + Array.from({ length: xmppLimits.formFieldsMax }, (_, at) => `<field var='${at}'/>`).join('')),
    'not-acceptable',
  ],
  [
    'with too many values',
    form(`${hidden}<field var='x'>${'<value/>'.repeat(xmppLimits.formValuesMax + 1)}</field>`),
    'not-acceptable',
  ],
  [
    'with too long a value',
    form(`${hidden}<field var='x'>${values('x'.repeat(xmppLimits.formValueCharactersMax + 1))}</field>`),
    'not-acceptable',
  ],
] as const) {
  test(`§3: a form ${what} is refused with ${condition}`, () => {
    refuses(() => readSubmission(element, { formType }), condition);
  });
}

test('§3.1: a form that is cancelled is known as such', () => {
  assert.equal(isCancelled(form('', 'cancel')), true);
  assert.equal(isCancelled(form('')), false);
  assert.equal(isCancelled(undefined), false);
});

test('§3.2: headings, unknown fields and types given by a client do no harm; fields of other namespaces are not fields', () => {
  const inside = `<title>T</title><field type='fixed'><value>Heading</value></field><field var='y' type='made-up'><value>1</value></field>
    <field xmlns='urn:other' var='z'/><reported/><item/>`;
  assert.deepEqual([...read(inside).keys()], ['y']);
});

test('FORM_TYPE may be left out where clients do so, but must not be wrong even there', () => {
  const optional = { formType, isFormTypeOptional: true };
  assert.equal(readSubmission(form("<field var='x'><value>1</value></field>"), optional).get('x')!.flag(), true);
  refuses(() => readSubmission(form("<field var='FORM_TYPE'><value>urn:example:other</value></field>"), optional), 'bad-request');
  refuses(() => readSubmission(form("<field var='FORM_TYPE'/>"), { formType }), 'bad-request');
});

test('values survive from a form to the submission of it', () => {
  const shown = renderForm({
    type: 'form',
    formType,
    fields: [
      { var: 'a', type: 'boolean', values: ['1'] },
      { var: 'b', type: 'list-multi', values: ['x', 'y'], options: [{ value: 'x' }, { value: 'y' }, { value: 'z' }] },
      { var: 'c', type: 'text-single', values: [] },
    ],
  });
  shown.attrs.type = 'submit';
  const back = readSubmission(shown, { formType });
  assert.equal(back.get('a')!.flag(), true);
  assert.deepEqual(back.get('b')!.choices(['x', 'y', 'z']), ['x', 'y']);
  assert.equal(back.get('c')!.text(), '');
});

test('reading costs the same for each field, whatever its name', () => {
  const cost = (count: number) => {
    const element = form(
      hidden + Array.from({ length: count }, (_, at) => `<field var='__proto__${at}'>${values('1', '2')}</field>`).join(''),
    );
    const began = process.cpuUsage();
    for (let round = 0; round < 200; round++) readSubmission(element, { formType });
    const { user, system } = process.cpuUsage(began);
    return user + system;
  };
  cost(xmppLimits.formFieldsMax - 1);
  const [few, many] = [cost(20), cost(199)];
  assert.ok(many < 60 * Math.max(few, 500), `${few} µs for 20 fields, ${many} µs for 199`);
});
