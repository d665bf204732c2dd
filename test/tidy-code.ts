/**
 * Reads source text for the house rules in `tidy.test.ts`: which characters are comment, which are text, and what is imported.
 *
 * No parser: a scanner that knows comments, strings, templates and (by what stands before the slash) regular expressions.
 */

export interface Code {
  /** The text with comments blanked; line numbers stay. */
  readonly withoutComments: string;
  /** … and strings, templates and regular expressions made quotation marks all over. */
  readonly bare: string;
  /** Comments alone, with all else blanked. */
  readonly comments: string;
  /** Comments, strings and templates, with code blanked. */
  readonly prose: string;
}

type Kind = 'code' | 'comment' | 'text';

/** A token that ends at a place in the text, and what it is. */
interface Span {
  readonly end: number;
  readonly kind: Kind;
}

export function readCode(text: string): Code {
  let withoutComments = '';
  let bare = '';
  let comments = '';
  let prose = '';
  /** For each template that is open, how many braces are open inside its `${`. */
  const templates: number[] = [];
  for (let at = 0; at < text.length; ) {
    const { end, kind } = nextSpan(text, at, bare, templates);
    const piece = text.slice(at, end);
    const blank = piece.replaceAll(/[^\n]/g, ' ');
    withoutComments += kind === 'comment' ? blank : piece;
    comments += kind === 'comment' ? piece : blank;
    prose += kind === 'code' ? blank : piece;
    bare += kind === 'code' ? piece : piece.replaceAll(/[^\n]/g, kind === 'comment' ? ' ' : "'");
    at = end;
  }
  return { withoutComments, bare, comments, prose };
}

function nextSpan(text: string, at: number, before: string, templates: number[]): Span {
  const char = text[at];
  if (text.startsWith('//', at)) return { end: endAt(text, '\n', at), kind: 'comment' };
  if (text.startsWith('/*', at)) return { end: Math.min(endAt(text, '*/', at) + 2, text.length), kind: 'comment' };
  if (char === "'" || char === '"') return { end: stringEnd(text, at + 1, char), kind: 'text' };
  if (char === '`') return templateSpan(text, at + 1, templates);
  if (char === '/' && startsRegExp(before)) return { end: regExpEnd(text, at + 1), kind: 'text' };
  const open = templates.at(-1);
  if (open !== undefined && char === '{') templates[templates.length - 1] = open + 1;
  if (open !== undefined && char === '}') {
    if (open === 0) {
      templates.pop();
      return templateSpan(text, at + 1, templates);
    }
    templates[templates.length - 1] = open - 1;
  }
  return { end: at + 1, kind: 'code' };
}

function endAt(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from + 1);
  return found === -1 ? text.length : found;
}

function stringEnd(text: string, from: number, quote: string): number {
  let at = from;
  while (at < text.length && text[at] !== quote && text[at] !== '\n') at += text[at] === '\\' ? 2 : 1;
  return Math.min(at + 1, text.length);
}

/** From within a template to its end, or to the `${` that opens code. */
function templateSpan(text: string, from: number, templates: number[]): Span {
  let at = from;
  while (at < text.length && text[at] !== '`') {
    if (text.startsWith('${', at)) {
      templates.push(0);
      return { end: at + 2, kind: 'text' };
    }
    at += text[at] === '\\' ? 2 : 1;
  }
  return { end: Math.min(at + 1, text.length), kind: 'text' };
}

function startsRegExp(before: string): boolean {
  return /(?:^|[([{,;:=!&|?+\-*%<>~]|\b(?:return|typeof|case|in|of|await|yield))\s*$/.test(before.slice(-40));
}

function regExpEnd(text: string, from: number): number {
  let at = from;
  let isClass = false;
  for (; at < text.length && text[at] !== '\n'; at += text[at] === '\\' ? 2 : 1) {
    if (text[at] === '[') isClass = true;
    else if (text[at] === ']') isClass = false;
    else if (text[at] === '/' && !isClass) return at + 1;
  }
  return Math.min(at, text.length);
}

/** What `import … from`, `export … from`, `import '…'` and `import('…')` name. */
export function importsOf(code: Code): string[] {
  const statements = /(?:^|[;}\n])[ \t]*(?:import|export)\b(?:[^'"`;]*?\bfrom)?\s*(['"])([^'"\n]+)\1/g;
  const calls = /\bimport\(\s*(['"])([^'"\n]+)\1/g;
  const found: string[] = [];
  for (const pattern of [statements, calls]) {
    for (const match of code.withoutComments.matchAll(pattern)) {
      const name = match[2];
      // A keyword that stands inside a string or template is none.
      const keyword = match.index + match[0].search(/import|export/);
      if (name !== undefined && code.bare[keyword] !== "'") found.push(name);
    }
  }
  return found;
}
