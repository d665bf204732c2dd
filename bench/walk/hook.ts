/**
 * Loaded before the program (`--import`). It makes every function of `services` and `lib` record its file when it is entered, and
 * sends the record to the parent process on request. Only entries are recorded, so that functions which wait need no special
 * treatment.
 */
import { readFileSync } from 'node:fs';
import { registerHooks, stripTypeScriptTypes } from 'node:module';
import { fileURLToPath } from 'node:url';
import { parse } from 'acorn';

interface SyntaxNode {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly body?: SyntaxNode;
}

/** The parent asks to start again, or to send what was entered since. */
export type WalkRequest = 'begin' | 'end';

const root = process.env.SKYLARK_WALK_ROOT ?? '';
const entered: string[] = [];
let isOn = false;

Object.assign(globalThis, {
  skylarkWalk: (file: string) => {
    if (isOn) entered.push(file);
  },
});

process.on('message', (request: WalkRequest) => {
  isOn = request === 'begin';
  if (request === 'end') process.send?.(entered.slice());
  entered.length = 0;
});
process.channel?.unref();

registerHooks({
  load(url, context, nextLoad) {
    const file = url.startsWith('file:') ? fileURLToPath(url) : '';
    if (!file.endsWith('.ts') || !['services/', 'lib/'].some((folder) => file.startsWith(`${root}/${folder}`)))
      return nextLoad(url, context);
    const source = instrument(stripTypeScriptTypes(readFileSync(file, 'utf8')), file.slice(root.length + 1));
    return { format: 'module', source, shortCircuit: true };
  },
});

function instrument(source: string, file: string): string {
  const call = `globalThis.skylarkWalk(${JSON.stringify(file)})`;
  const inserts: { readonly at: number; readonly text: string }[] = [];
  visit(parse(source, { ecmaVersion: 'latest', sourceType: 'module' }) as unknown as SyntaxNode, (node) => {
    const { body } = node;
    if (!/^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type) || body === undefined) return;
    if (body.type === 'BlockStatement') inserts.push({ at: body.start + 1, text: `${call};` });
    else inserts.push({ at: body.start, text: `(${call}, ` }, { at: body.end, text: ')' });
  });
  let text = source;
  for (const { at, text: inserted } of inserts.toSorted((a, b) => b.at - a.at))
    text = text.slice(0, at) + inserted + text.slice(at);
  return text;
}

function visit(node: SyntaxNode, see: (node: SyntaxNode) => void): void {
  see(node);
  for (const value of Object.values(node) as unknown[]) {
    for (const child of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof child === 'object' && child !== null && 'type' in child) visit(child as SyntaxNode, see);
    }
  }
}
