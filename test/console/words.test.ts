/** What the console says, in English and in Chinese: neither lacks what the other has, and nothing of an operation is left in English. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { policyKeys } from '../../lib/runtime/policy/tenant-policy.ts';
import { fieldsOf } from '../../services/console/core/fields.ts';
import { groupsOf, policyGroupKeys } from '../../services/console/core/groups.ts';
import { Texts } from '../../services/console/core/texts.ts';
import en from '../../services/console/texts/en.json' with { type: 'json' };
import zh from '../../services/console/texts/zh.json' with { type: 'json' };
import { operations } from '../../services/router/operations/index.ts';
import { tenantSet } from '../../services/router/operations/tenant-policy.ts';

const [english, chinese] = [new Texts('en'), new Texts('zh')];
const routed = operations.filter(({ http }) => !('whyNone' in http));
const isChinese = (text: string | undefined) => /\p{Script=Han}/u.test(text ?? '');

function keysOf(tree: object, path = ''): string[] {
  return Object.entries(tree).flatMap(([name, value]) =>
    typeof value === 'string' ? [`${path}${name}`] : keysOf(value as object, `${path}${name}.`),
  );
}

/** English takes the help of an operation and the hint of a field from the declaration, where it has no words of its own. */
const isOfDeclaration = (key: string) => /^operations\.[\w-]+\.help$|^(?:fields\.\w+\.hint|hints\.)/.test(key);

/** What stands in the files and is said only in Chinese, or only in English. @param what such as `operations.user-add` */
function missing(what: string, ...texts: readonly (string | undefined)[]): string[] {
  return texts.every(isChinese) ? [] : [`${what}: ${texts.find((text) => !isChinese(text))}`];
}

describe('the two files', () => {
  test('have the same texts with the same places for values', () => {
    const [ofEnglish, ofChinese] = [keysOf(en), keysOf(zh)];
    assert.ok(ofEnglish.length > 400);
    assert.deepEqual(
      ofEnglish.filter((key) => !ofChinese.includes(key)),
      [],
      'only in English',
    );
    assert.deepEqual(
      ofChinese.filter((key) => !ofEnglish.includes(key) && !isOfDeclaration(key)),
      [],
      'only in Chinese',
    );
    const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort().join();
    for (const key of ofEnglish) assert.equal(placeholders(chinese.own(key)!), placeholders(english.own(key)!), key);
  });

  test('have none for operations that are not there', () => {
    const named = keysOf(zh).flatMap((key) => /^operations\.([\w-]+)\./.exec(key)?.[1] ?? []);
    assert.ok(named.length > 60);
    assert.deepEqual(
      named.filter((name) => !routed.some((one) => one.name === name)),
      [],
    );
  });
});

describe('whoever reads Chinese', () => {
  test('finds each operation, and under which subject', () => {
    const lacking = routed.flatMap(({ name }) =>
      missing(
        name,
        chinese.own(`operations.${name}.title`),
        chinese.own(`operations.${name}.help`),
        chinese.own(`subjects.${name.split('-', 1)[0]}`),
      ),
    );
    assert.deepEqual(lacking, []);
    for (const { name } of routed) assert.ok(english.own(`subjects.${name.split('-', 1)[0]}`), `a subject in English: ${name}`);
  });

  test('finds each field, its hint and what can be chosen', () => {
    const lacking = routed.flatMap((one) =>
      fieldsOf(one, chinese)
        .filter(({ isVersion }) => !isVersion)
        .flatMap(({ name, label, hint = '无', choices }) =>
          missing(`${one.name} ${name}`, label, hint, ...choices.map((choice) => chinese.choice(choice))),
        ),
    );
    assert.deepEqual(lacking, []);
    assert.equal(english.choice('closed'), 'closed');
    assert.equal(english.choice('of tomorrow'), 'of tomorrow', 'a value without words');
  });

  test('is shown what is missing', () => {
    assert.deepEqual(missing('word-echo', '回声', 'Says a word again'), ['word-echo: Says a word again']);
    assert.deepEqual(missing('word-echo', undefined), ['word-echo: undefined']);
  });
});

describe('the form of the policy', () => {
  const fields = fieldsOf(tenantSet, english);
  const groups = groupsOf('tenant-set', fields);

  test('has each key in one group, and none without a place', () => {
    const names = groups.flatMap((group) => group.fields.map(({ name }) => name));
    assert.deepEqual(names.toSorted(), fields.map(({ name }) => name).toSorted());
    const unplaced = groups.find(({ key }) => key === 'more')?.fields.map(({ name }) => name) ?? [];
    assert.deepEqual(
      unplaced.filter((name) => Object.hasOwn(policyKeys, name)),
      [],
      'services/console/core/groups.ts',
    );
  });

  test('has groups with titles, and shows no group that nothing is in', () => {
    for (const key of policyGroupKeys) assert.ok(english.own(`policyGroups.${key}`), key);
    const some = fields.filter(({ name }) => ['hold', 'brandName'].includes(name));
    assert.deepEqual(
      groupsOf('tenant-set', some).map(({ key }) => key),
      ['brand', 'federation'],
    );
    assert.equal(groupsOf('user-add', fields).length, 1);
  });
});
