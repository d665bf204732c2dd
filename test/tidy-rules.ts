/**
 * The house rules as functions from a file's path and text to what is wrong with it; `tidy.test.ts` applies them.
 */
import { posix } from 'node:path';
import { importsOf, readCode } from './tidy-code.ts';

/** @returns one line for each fault */
export type Rule = (path: string, text: string) => string[];

/** Lines of one file; the distribution over all files has bounds of its own. */
export const linesMax = 400;

const layers = ['lib/xmpp', 'lib/ports', 'lib/adapters', 'lib/runtime', 'lib/s2s'] as const;

/** What the files of a layer may import, besides their own layer. */
const arrows: Readonly<Record<string, readonly string[]>> = {
  'lib/xmpp': [],
  'lib/ports': ['lib/xmpp'],
  'lib/adapters': ['lib/ports', 'lib/xmpp'],
  'lib/runtime': ['lib/ports', 'lib/xmpp'],
  'lib/s2s': ['lib/runtime', 'lib/ports', 'lib/xmpp'],
  service: ['lib/xmpp', 'lib/ports', 'lib/runtime', 'lib/s2s'],
  'a main file': [...layers],
};

/** `services/main.ts`, `services/cli/…`: the program that puts all services together. */
function isProgram(path: string): boolean {
  return /^services\/(?:main|cli)/.test(path);
}

/** Where clocks, chance and the environment may be read, and adapters chosen. */
function isMain(path: string): boolean {
  return isProgram(path) || ['main.ts', 'lambda.ts'].includes(posix.basename(path));
}

/** The layer or the service (`services/<name>`) that a file belongs to. */
function layerOf(path: string): string | undefined {
  if (isProgram(path)) return 'services';
  return layers.find((layer) => path.startsWith(`${layer}/`)) ?? /^services\/[^/]+(?=\/)/.exec(path)?.[0];
}

/** Arrows point one way: `lib/xmpp ← lib/ports ← lib/adapters, lib/runtime ← lib/s2s ← services`, and no service imports another. */
export const arrowFaults: Rule = (path, text) => {
  const from = layerOf(path);
  if (from === undefined) return [`${path} belongs to no layer: ${layers.join(', ')}, services/<name>`];
  const isService = from.startsWith('services/');
  const allowed = arrows[isMain(path) ? 'a main file' : isService ? 'service' : from] ?? [];
  return importsOf(readCode(text)).flatMap((specifier) => {
    if (!specifier.startsWith('.')) return [];
    const target = posix.join(posix.dirname(path), specifier);
    const to = layerOf(target);
    if (to === undefined) return [`${path} imports ${target}, which belongs to no layer`];
    if (to === from || allowed.includes(to) || (isProgram(path) && to.startsWith('services'))) return [];
    return [`${path} imports ${target}, but ${from} may import only ${[from, ...allowed].join(', ')}`];
  });
};

/** Only adapters know a vendor. */
export const sdkFaults: Rule = (path, text) => {
  if (path.startsWith('lib/adapters/')) return [];
  return importsOf(readCode(text))
    .filter((specifier) => /^(?:@aws-sdk\/|@smithy\/|@nats-io\/|node:sqlite$)/.test(specifier))
    .map((specifier) => `${path} imports ${specifier}; only lib/adapters may`);
};

export const extensionFaults: Rule = (path, text) =>
  importsOf(readCode(text))
    .filter((specifier) => specifier.startsWith('.') && !/\.(?:ts|mjs|json)$/.test(specifier))
    .map((specifier) => `${path} imports ${specifier}; a relative import names the file with its .ts`);

/** Who asks for a default export: config files, declarations of other people's modules, and the reporter of Node's test runner. */
export const defaultExportFaults: Rule = (path, text) => {
  if (/(?:\.config\.\w+|\.d\.ts)$/.test(path) || path === 'test/run-reporter.ts') return [];
  return hits(path, readCode(text).bare, /\bexport\s+default\b|\bas\s+default\b/, 'has a default export');
};

export const nameFaults: Rule = (path) => {
  const dependencies = path.split('/');
  const stem = (dependencies.at(-1) ?? '').replace(/(?:\.[a-z]+)+$/, '');
  const faults: string[] = [];
  if (
    !dependencies.slice(0, -1).every((part) => /^\.?[a-z0-9]+(?:-[a-z0-9]+)*$/.test(part)) ||
    !/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(stem)
  ) {
    faults.push(`${path} is not in kebab-case`);
  }
  const words = dependencies.slice(0, -1).concat(stem);
  const isVague = words.some(
    (word) => /(?:^|-)(?:utils?|helpers?|managers?)(?:-|$)/.test(word) || /^(?:common|types|misc|shared)$/.test(word),
  );
  if (isVague) faults.push(`${path} says nothing about what it holds`);
  if (stem === 'index' && !/\/(?:features|operations)\/index\.ts$/.test(path))
    faults.push(`${path}: index files are for lists of features and operations only`);
  return faults;
};

/** Time, chance and environment come in through ports, so that a seed can replay a cluster. */
export const clockFaults: Rule = (path, text) => {
  if (isMain(path) || /^lib\/adapters\/[^/]*clock[^/]*$/.test(path)) return [];
  const pattern = /\bDate\.now\b|\bMath\.random\b|\bprocess\.env\b|\bnew Date\(\s*\)|\bnew Date\b(?!\s*\()/;
  return hits(path, readCode(text).bare, pattern, 'reads time, chance or environment past the ports');
};

const unfinished = new RegExp(`\\b(?:${['TO' + 'DO', 'FIX' + 'ME', 'X'.repeat(3)].join('|')})\\b`);

export const unfinishedFaults: Rule = (path, text) => hits(path, text, unfinished, 'leaves something for later');

export const onlyFaults: Rule = (path, text) =>
  hits(path, readCode(text).bare, /\.only\s*\(|\bonly:\s*true\b/, 'runs only a part of the tests');

/** An address is a `Jid` from parser to serializer. */
export const addressFaults: Rule = (path, text) => {
  return hits(path, readCode(text).withoutComments, /\.split\(\s*(?:['"`]@|\/@\/)/, 'takes an address apart by hand');
};

export const lengthFaults: Rule = (path, text) => {
  const lines = countLines(text);
  return lines > linesMax ? [`${path} has ${lines} lines, more than ${linesMax}`] : [];
};

export const docCommentFaults: Rule = (path, text) =>
  /^(?:#!.*\n)?\/\*\*/.test(text) ? [] : [`${path} does not open with a doc comment`];

/** "x is no y" is not English: "not a y", "unknown y". "There is no y" is, and so are comparisons. */
const isNo = /(?<!\bthere[\s*/]+)\b(?:is|are|was)[\s*/]+no[\s*/]+(?!longer\b|more\b|less\b|fewer\b)\w+/gi;

/** A comment that opens like this has no subject. The first line of a block may be empty. */
const noSubject =
  /(?:\/\*\*?\s*(?:\*\s+)?|\/\/\s*)(?:Of|For what|For which|By which|In which|With which|To which|Whom)\b[^\n]{0,40}/g;

/** Comments, messages and names of tests are plain English sentences, as CONTRIBUTING.md asks. */
export const proseFaults: Rule = (path, text) => {
  const { comments, prose } = readCode(text);
  return [
    ...hitsAcross(path, prose, isNo, 'says "is no", where plain English says "is not a" or "unknown"'),
    ...hitsAcross(path, comments, noSubject, 'has a comment without a subject'),
  ];
};

/** What is cited must be in the repository: docs/architecture.md or a decision. */
export const citedFaults: Rule = (path, text) =>
  hits(path, text, new RegExp(`${'DESIGN'}(?:\\.md)?\\s*§`), 'cites a document that is not here');

/** Folders of one machine mean nothing on another. */
export const machinePathFaults: Rule = (path, text) =>
  hits(path, text, /(?:^|[^\w.)}])\/(?:work|home|root|Users)\/\w/, 'names a folder of one machine');

export const registryFaults: Rule = (path, text) =>
  hits(path, text, /"resolved": "(?:https?|git)[^"]*/, 'is bound to one registry');

/** Relative links in Markdown; `exists` answers for a path from the root, `anchors` for the headings of a Markdown file. */
export function linkFaults(
  path: string,
  text: string,
  tree: { exists(path: string): boolean; read(path: string): string },
): string[] {
  const prose = text.replaceAll(/^(```|~~~)[\s\S]*?^\1/gm, '').replaceAll(/`[^`\n]*`/g, '');
  const links = [...prose.matchAll(/\]\(\s*<?([^)>\s]+)>?[^)]*\)|^\[[^\]]+\]:\s*(\S+)/gm)].map(
    (match) => match[1] ?? match[2] ?? '',
  );
  return links.flatMap((link) => {
    if (/^[a-z][a-z0-9+.-]*:|^\/\//i.test(link)) return [];
    const [file = '', anchor] = link.split('#');
    const target = file === '' ? path : posix.join(posix.dirname(path), decodeURI(file));
    if (link.startsWith('/') || target.startsWith('..') || !tree.exists(target))
      return [`${path} links to ${link}, which is not there`];
    if (anchor === undefined || !target.endsWith('.md') || anchorsOf(tree.read(target)).includes(anchor)) return [];
    return [`${path} links to ${link}, but ${target} has no such heading`];
  });
}

/** As GitHub makes them: lower case, punctuation dropped, spaces to hyphens, repeats numbered. */
function anchorsOf(markdown: string): string[] {
  const seen = new Map<string, number>();
  return [...markdown.replaceAll(/^```[\s\S]*?^```/gm, '').matchAll(/^#{1,6}\s+(.+?)\s*#*$/gm)].map((match) => {
    const slug = (match[1] ?? '')
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    const repeats = seen.get(slug) ?? 0;
    seen.set(slug, repeats + 1);
    return repeats === 0 ? slug : `${slug}-${repeats}`;
  });
}

export function countLines(text: string): number {
  return text.split('\n').length - (text.endsWith('\n') ? 1 : 0);
}

/** As {@link hits}, for patterns that may go over the end of a line. */
function hitsAcross(path: string, text: string, pattern: RegExp, fault: string): string[] {
  return [...text.matchAll(pattern)].map((match) => {
    const line = text.slice(0, match.index).split('\n').length;
    return `${path}:${line} ${fault}: ${match[0].replaceAll(/\s+/g, ' ')}`;
  });
}

function hits(path: string, text: string, pattern: RegExp, fault: string): string[] {
  return text.split('\n').flatMap((line, index) => {
    const found = pattern.exec(line)?.[0];
    return found === undefined ? [] : [`${path}:${index + 1} ${fault}: ${found.trim()}`];
  });
}
