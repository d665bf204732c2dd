/**
 * The house rules (`docs/decisions` and the README say why), applied to every file of the tree.
 *
 * Each rule must see a minimum of files, so that none passes for having looked in the wrong place, and each is shown a planted
 * fault that it must find beside something similar that it must let pass.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { boundFaults } from './bound-rules.ts';
import { files, read, root, under } from './project-files.ts';
import { readCode } from './tidy-code.ts';
import * as rules from './tidy-rules.ts';

const code = under(/^(?:lib|services|test|bench|docs|infra|bin)\/.*\.(?:ts|mjs)$/);
const product = under(/^(?:lib|services)\/.*\.ts$/);
const tests = under(/^test\/.*\.test\.ts$/);
const texts = under(/(?:\.(?:ts|mjs|js|json|md|html|css|ya?ml|toml|py|sh|xml)|\/run)$/);
const pages = under(/^(?:[^/]+|(?:docs|test)\/.*)\.md$/);

/** Folders whose comments and messages are plain English. */
const plainFolders = ['bench', 'bin', 'infra', 'lib', 'services', 'test'];
/** The files of this rule show what it finds. */
const plain = code.filter((path) => plainFolders.some((folder) => path.startsWith(`${folder}/`)) && !/^test\/tidy/.test(path));

interface HouseRule {
  readonly name: string;
  readonly rule: rules.Rule;
  readonly over: readonly string[];
  readonly seesMin: number;
  /** Path and text with a fault, then without. */
  readonly bad: readonly (readonly [path: string, text: string])[];
  readonly good: readonly (readonly [path: string, text: string])[];
}

const houseRules: HouseRule[] = [
  {
    name: 'imports follow the arrows between the layers',
    rule: rules.arrowFaults,
    over: product,
    seesMin: 60,
    bad: [
      ['lib/xmpp/jid.ts', "import type { Store } from '../ports/store.ts';"],
      ['lib/ports/bus.ts', "import { open } from '../adapters/sqlite-store.ts';"],
      ['lib/runtime/ids.ts', "export * from '../adapters/system-clock.ts';"],
      ['lib/runtime/ids.ts', "const { x } = await import('../adapters/system-clock.ts');"],
      ['services/muc/core/room.ts', "import {\n  route,\n} from '../../router/routing/route.ts';"],
      ['services/muc/main.ts', "import { route } from '../router/routing/route.ts';"],
      ['services/muc/core/room.ts', "import '../../../lib/adapters/sqlite-store.ts';"],
      ['lib/tools/jid.ts', ''],
    ],
    good: [
      ['lib/ports/bus.ts', "import type { Jid } from '../xmpp/jid.ts';"],
      ['lib/adapters/nats-bus.ts', "import type { Bus } from '../ports/bus.ts';"],
      [
        'services/muc/features/xep0045-muc.ts',
        "import { room } from '../room.ts';\nimport { ids } from '../../../lib/runtime/ids.ts';",
      ],
      ['services/muc/main.ts', "import { open } from '../../lib/adapters/sqlite-store.ts';"],
      ['services/main.ts', "import { start } from './muc/start.ts';\nimport { open } from '../lib/adapters/sqlite-store.ts';"],
      ['lib/xmpp/jid.ts', "// import '../ports/store.ts';\nconst text = `\nimport x from '../ports/store.ts';`;"],
    ],
  },
  {
    name: 'only adapters import an SDK',
    rule: rules.sdkFaults,
    over: under(/^(?!test\/|bench\/|infra\/)/, code),
    seesMin: 60,
    bad: [
      ['services/web/main.ts', "import { DynamoDB } from '@aws-sdk/client-dynamodb';"],
      ['lib/runtime/rows.ts', "import { DatabaseSync } from 'node:sqlite';"],
    ],
    good: [['lib/adapters/nats-bus.ts', "import { connect } from '@nats-io/transport-node';"]],
  },
  {
    name: 'relative imports name the file with its extension',
    rule: rules.extensionFaults,
    over: code,
    seesMin: 90,
    bad: [['lib/xmpp/jid.ts', "import { a } from './element';"]],
    good: [['lib/xmpp/jid.ts', "import { a } from './element.ts';\nimport b from 'ltx';"]],
  },
  {
    name: 'nothing is exported by default',
    rule: rules.defaultExportFaults,
    over: code,
    seesMin: 90,
    bad: [
      ['lib/xmpp/jid.ts', 'export default function parse() {}'],
      ['lib/xmpp/jid.ts', 'export { parse as default };'],
    ],
    good: [
      ['knip.config.ts', 'export default {};'],
      ['lib/xmpp/jid.ts', "const text = 'export default';"],
    ],
  },
  {
    name: 'files are named in kebab-case after what they hold',
    rule: rules.nameFaults,
    over: code,
    seesMin: 90,
    bad: [
      ['lib/xmpp/JidParser.ts', ''],
      ['lib/xmpp/jid_parser.ts', ''],
      ['lib/xmpp/jid-utils.ts', ''],
      ['lib/common/jid.ts', ''],
      ['services/muc/types.ts', ''],
      ['services/muc/index.ts', ''],
    ],
    good: [
      ['services/muc/features/index.ts', ''],
      ['services/router/features/xep0191-blocking.ts', ''],
      ['test/contracts/store.contract.ts', ''],
    ],
  },
  {
    name: 'time, chance and environment come in through ports',
    rule: rules.clockFaults,
    over: under(/^(?:lib|services|docs)\/.*\.ts$/, code),
    seesMin: 60,
    bad: [
      ['lib/runtime/ids.ts', 'const at = Date.now();'],
      ['lib/runtime/ids.ts', 'const at = new Date();'],
      ['lib/adapters/sqlite-store.ts', 'const name = `${Math.random()}`;'],
      ['services/muc/core/room.ts', "const home = process.env['HOME'];"],
    ],
    good: [
      ['lib/adapters/system-clock.ts', 'const at = Date.now();'],
      ['services/muc/main.ts', 'const { env } = process.env;'],
      ['lib/runtime/ids.ts', "const at = new Date('2024-01-01'); // never Date.now()"],
      ['lib/runtime/ids.ts', 'const at = new Date(clock.now());'],
    ],
  },
  {
    name: 'nothing is left for later',
    rule: rules.unfinishedFaults,
    over: under(/\.(?:ts|mjs|js|py|sh)$|\/run$/),
    seesMin: 90,
    bad: [['lib/xmpp/jid.ts', `// ${'TO'}${'DO'}: check the length`]],
    good: [['lib/xmpp/jid.ts', '// Todos los caminos']],
  },
  {
    name: 'no test file runs only a part of its tests',
    rule: rules.onlyFaults,
    over: tests,
    seesMin: 25,
    bad: [
      ['test/a.test.ts', "test.only('a', () => {});"],
      ['test/a.test.ts', "test('a', { only: true }, () => {});"],
    ],
    good: [['test/a.test.ts', "test('all, not .only(', () => {});"]],
  },
  {
    name: 'no address is taken apart by hand',
    rule: rules.addressFaults,
    over: under(/^(?:lib|services|bench)\//, code),
    seesMin: 60,
    bad: [['lib/xmpp/jid.ts', "const [local] = address.split('@');"]],
    good: [['lib/xmpp/jid.ts', "const [local] = address.split(','); // not .split('@')"]],
  },
  {
    name: `no file has more than ${rules.linesMax} lines`,
    rule: rules.lengthFaults,
    over: code,
    seesMin: 90,
    bad: [['lib/xmpp/jid.ts', '\n'.repeat(rules.linesMax + 1)]],
    good: [['lib/xmpp/jid.ts', '\n'.repeat(rules.linesMax)]],
  },
  {
    name: 'bounds stand in limits.ts',
    rule: boundFaults,
    over: product,
    seesMin: 300,
    bad: [
      ['lib/runtime/nodes.ts', 'const nodesMax = 1_000;'],
      ['lib/runtime/nodes.ts', 'export const heartbeatMs: number = 3 * 1_000;'],
      ['services/muc/worker.ts', 'class Worker {\n  static readonly #queueBytes = 64 * 1024;\n}'],
      ['services/muc/worker.ts', 'const entriesPerRound = 2;'],
      ['services/muc/worker.ts', 'const messagesPerSecond = 0.5;'],
      ['services/muc/worker.ts', 'let messagesBurst = 4;'],
      ['services/muc/worker.ts', 'const joinTimeout = 10;'],
      ['services/cli/doctor/names.ts', 'new Resolver({ timeout: 2_000 });'],
      ['services/cli/doctor/names.ts', 'new Resolver({ tries: 2 });'],
      ['services/cli/doctor/names.ts', "const bounds = {\n  stanzaBytesMax: 64 * 1024, // of 'a'\n};"],
      ['services/web/server.ts', 'setTimeout(() => process.exit(), 1_000).unref();'],
      ['services/web/server.ts', 'await sleep(this.clock, 10);'],
      ['services/web/server.ts', 'fetch(url, { signal: AbortSignal.timeout(500) });'],
      ['services/web/server.ts', 'if (page.length < 100) return;'],
      ['services/web/server.ts', 'if (Buffer.byteLength(text) > 800) return;'],
    ],
    good: [
      ['services/muc/limits.ts', 'export const roomLimits = { queueMax: 1_000 } as const;'],
      ['lib/runtime/service-limits.ts', 'export const serviceLimits = { queueMax: 1_000 } as const;'],
      ['lib/runtime/nodes.ts', 'const stopMs = 4 * serviceLimits.shutdownMs; const textMax = 2 * xmppLimits.nameBytesMax;'],
      ['lib/runtime/nodes.ts', "const nonceBytes = 12; const dayMs = 24 * 60 * 60 * 1_000; const name = 'queueMax = 5;';"],
      ['lib/runtime/nodes.ts', 'const options = { atOnceMax: 1, retries: 0 }; // queueMax: 5'],
      [
        'lib/runtime/nodes.ts',
        'await sleep(clock, tries * limits.pauseMs); clock.after(0, next); if (parts.length > 2) return 404;',
      ],
    ],
  },
  {
    name: 'every file of the product opens with a doc comment',
    rule: rules.docCommentFaults,
    over: product,
    seesMin: 60,
    bad: [['lib/xmpp/jid.ts', "import { a } from './a.ts';\n/** Later. */"]],
    good: [['lib/xmpp/jid.ts', '/** RFC 7622. */\n']],
  },
  {
    name: 'comments and messages are plain English',
    rule: rules.proseFaults,
    over: plain,
    seesMin: 400,
    bad: [
      ['lib/xmpp/jid.ts', '/** undefined: the text is no address. */'],
      ['lib/xmpp/jid.ts', "throw new TypeError(`'${text}' is no type of presence`);"],
      ['lib/xmpp/jid.ts', "const text = 'these are no addresses';"],
      ['lib/xmpp/jid.ts', '/**\n * It was\n * no address.\n */'],
      ['lib/xmpp/jid.ts', '// What stands here is\n// no address.'],
      ['test/xmpp/jid.test.ts', "test('what is no address is refused', () => {});"],
      ['lib/xmpp/jid.ts', '/** Of the text that begins here. */'],
      ['lib/xmpp/jid.ts', '/**\n * Of which the last one counts.\n */'],
      ['lib/xmpp/jid.ts', 'const a = 1; // By which it is found.'],
      ['lib/xmpp/jid.ts', '// For what a client asked.'],
      ['lib/xmpp/jid.ts', '/* Whom it reaches. */'],
    ],
    good: [
      ['lib/xmpp/jid.ts', '/** When there is no address, or there are no more. */'],
      ['lib/xmpp/jid.ts', '/** There\n * is no address. */'],
      ['lib/xmpp/jid.ts', '/** It is no longer there, is no more than a guess, and is no less true. */'],
      ['lib/xmpp/jid.ts', '/** Often, in whichever order. Of two the last one counts. */'],
      ['lib/xmpp/jid.ts', "const text = 'Of two'; const isNo = is.no(text); // the node is not here"],
    ],
  },
  {
    name: 'what a file cites is in the repository',
    rule: rules.citedFaults,
    over: texts,
    seesMin: 400,
    bad: [['lib/xmpp/jid.ts', `/** One message for many (${'DESIGN'} §2). */`]],
    good: [['lib/xmpp/jid.ts', '/** RFC 7622 §3; docs/architecture.md. DESIGN is a word. */']],
  },
  {
    name: 'no file names a folder of one machine',
    rule: rules.machinePathFaults,
    over: texts,
    seesMin: 100,
    bad: [['README.md', `see /${'home'}/someone/skylark`]],
    good: [['README.md', 'see https://example.org/home/page and ./work/x']],
  },
  {
    name: 'no lock file is bound to one registry',
    rule: rules.registryFaults,
    over: ['package-lock.json'],
    seesMin: 1,
    bad: [['package-lock.json', '  "resolved": "https://registry.example/a.tgz",']],
    good: [['package-lock.json', '  "resolved": "node_modules/converse.js/src/log",']],
  },
];

for (const { name, rule, over, seesMin, bad, good } of houseRules) {
  describe(name, () => {
    test('in every file', () => {
      const faults = over.flatMap((path) => rule(path, read(path)));
      assert.equal(faults.join('\n'), '');
      assert.ok(over.length >= seesMin, `the rule saw ${over.length} files, fewer than ${seesMin}`);
    });
    test('and a fault is found, a likeness is not', () => {
      for (const [path, text] of bad) assert.ok(rule(path, text).length > 0, `no fault found in ${path}: ${text}`);
      for (const [path, text] of good) assert.deepEqual(rule(path, text), []);
    });
  });
}

describe('files stay small', () => {
  /** Lines of a middling file, and of the longest of nine in ten. */
  const bounds = { median: 130, ninetieth: 300 };
  const spread = (lengths: readonly number[]) => {
    const sorted = lengths.toSorted((a, b) => a - b);
    return { median: sorted[Math.floor(sorted.length / 2)] ?? 0, ninetieth: sorted[Math.floor(sorted.length * 0.9)] ?? 0 };
  };
  const isSmall = (lengths: readonly number[]) => {
    const { median, ninetieth } = spread(lengths);
    return median < bounds.median && ninetieth <= bounds.ninetieth;
  };

  test('in the product', () => {
    const lengths = product.map((path) => rules.countLines(read(path)));
    assert.ok(lengths.length >= 60, `the rule saw ${lengths.length} files, fewer than 60`);
    assert.ok(
      isSmall(lengths),
      `median and 90th percentile are ${JSON.stringify(spread(lengths))}, the bounds ${JSON.stringify(bounds)}`,
    );
  });
  test('and long ones are found', () => {
    assert.ok(!isSmall([10, 20, 150, 160, 170]));
    assert.ok(!isSmall([...Array<number>(17).fill(10), 350, 350, 350]));
    assert.ok(isSmall([...Array<number>(19).fill(10), 350]));
  });
});

describe('relative links in Markdown resolve', () => {
  test('in every page', () => {
    assert.ok(pages.length >= 3 && pages.includes('README.md'), `the rule saw only ${pages.join(', ')}`);
    const tree = { exists: (path: string) => existsSync(join(root, path)), read };
    assert.deepEqual(
      pages.flatMap((path) => rules.linkFaults(path, read(path), tree)),
      [],
    );
  });
  test('and a dead one is found', () => {
    const tree = { exists: (path: string) => path === 'docs/a.md', read: () => '# One\n\n## Two, three\n' };
    const faults = (text: string) => rules.linkFaults('docs/b.md', text, tree).length;
    assert.equal(faults('[a](a.md) [a](../docs/a.md#two-three) [b](https://example.org/x) `[c](c.md)`'), 0);
    assert.equal(faults('[a](c.md)\n[a](a.md#four)\n![a](../../a.png)\n\n[ref]: gone.md'), 4);
  });
});

test('code is told from comments, text and regular expressions', () => {
  const { bare, withoutComments } = readCode("a / b; /* 'x' */ /[/']+/.test('//') ? `t${ { c: `}` } }u` : d // e");
  assert.equal(bare.replaceAll(/'+/g, "'").replaceAll(/ +/g, ' '), "a / b; '.test(') ? ' { c: ' } ' : d ");
  assert.equal(withoutComments.includes('e'), true);
  assert.equal(withoutComments.trimEnd().endsWith('d'), true);
});

test('the tree that is checked is this one', () => {
  assert.ok(files.includes(`test/${basename(fileURLToPath(import.meta.url))}`));
  assert.ok(!files.some((path) => path.includes('node_modules')));
});
