/** Documents that are cited exist, and every decision says what its status is. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { citationFaults, type Documents, decisionFaults } from './document-rules.ts';
import { read, root, under } from './project-files.ts';

const documents: Documents = {
  exists: (path) => existsSync(join(root, path)),
  read,
  pages: under(/\.md$/),
  decisions: under(/^docs\/decisions\/\d+-.*\.md$/).toSorted(),
};

const planted: Documents = {
  exists: (path) => path === 'docs/reliability.md',
  read: (path) => (path === 'docs/reliability.md' ? '# Reliability\n\n## Late work\n' : ''),
  pages: ['README.md', 'docs/reliability.md'],
  decisions: ['docs/decisions/0001-one.md', 'docs/decisions/0002-two.md'],
};

test('cited documents exist', () => {
  const texts = under(/(?:\.(?:ts|mjs|md|ya?ml|sh)|\/run)$/).filter((path) => !/^test\/(?:documents|tidy)\.test\.ts$/.test(path));
  assert.ok(texts.length > 500, `the rule saw ${texts.length} files`);
  assert.deepEqual(
    texts.flatMap((path) => citationFaults(path, read(path), documents)),
    [],
  );
});

test('a citation of a document, decision or section that does not exist is found', () => {
  const faults = (text: string) => citationFaults('lib/a.ts', text, planted);
  for (const good of [
    'docs/reliability.md says so.',
    'see decision 2, and Decision 1: …',
    'decisions 1 and 2',
    '(reliability.md, “Late work”)',
    'as `reliability.md` has it, or README.md',
    'whose docs/ folder, and https://example.org/docs/gone.md',
  ]) {
    assert.deepEqual(faults(good), [], good);
  }
  for (const bad of [
    'docs/gone.md says so.',
    'see docs/decisions/0005',
    'see decision 3',
    'decisions 1 and 9',
    'DESIGN.md has it',
    '(reliability.md, “Early work”)',
  ]) {
    assert.ok(faults(bad).length > 0, bad);
  }
});

test('every decision has a status with a date, and stands in the index', () => {
  assert.ok(documents.decisions.length >= 10, `the rule saw ${documents.decisions.length} decisions`);
  assert.deepEqual(decisionFaults(documents, read('docs/decisions/README.md')), []);
});

test('a decision without a status, without a line in the index, or with another title or date there is found', () => {
  const good = '# 1. One\n\nStatus: accepted, 2026-01-01.\n';
  const row = '| [1](0001-one.md) | One | accepted | 2026-01-01 |\n';
  const faults = (text: string, index: string) =>
    decisionFaults({ ...planted, read: () => text, decisions: ['docs/decisions/0001-one.md'] }, index).length;
  assert.equal(faults(good, row), 0);
  assert.equal(faults(good.replace('accepted', 'replaced by [decision 2](0002-two.md)'), row), 0);
  for (const [text, index] of [
    [good.replace('Status: accepted', 'Accepted'), row],
    [good.replace(', 2026-01-01', ''), row],
    [good.replace('# 1.', '# 2.'), row],
    [good, ''],
    [good, row + row],
    [good, row.replace('One', 'Won')],
    [good, row.replace('2026-01-01', '2026-01-02')],
    [good, `${row}| [2](0002-two.md) | Two |\n`],
  ] as const) {
    assert.ok(faults(text, index) > 0, `${text}\n${index}`);
  }
});
