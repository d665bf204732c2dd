/**
 * The words by which a text is found: runs of letters, digits and their marks, in lower case and without diacritics. In scripts that are
 * written without spaces, each character is a word, and so are each two that stand together.
 *
 * Whoever keeps an index of words and whoever asks it cut texts here, so that both mean the same.
 */
import { xmppLimits } from './limits.ts';

/** A run of a script without spaces, or a run of everything else. */
const runs =
  /[[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]&&[\p{L}\p{N}\p{M}]]+|[[\p{L}\p{N}\p{M}]--[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]]+/gv;
const isSpaceless = /^[\p{scx=Han}\p{scx=Hiragana}\p{scx=Katakana}\p{scx=Thai}\p{scx=Lao}\p{scx=Khmer}\p{scx=Myanmar}]/v;
/** The diacritics that letters of Latin, Greek and Cyrillic are taken apart into. */
const diacritics = /[\u0300-\u036f]/g;

/** @returns the distinct words of a text, at most `max` */
export function wordsOf(text: string, max: number = xmppLimits.textWordsMax): ReadonlySet<string> {
  return collect(text, max, (run, add) => {
    for (let at = 0; at < run.length; at++) {
      add(run[at]!);
      if (at > 0) add(run[at - 1]! + run[at]!);
    }
  });
}

/** @returns the words that a text must have to be found by this one. Where characters stand together they must do so there, too. */
export function wordsToFind(text: string, max: number): ReadonlySet<string> {
  return collect(text, max, (run, add) => {
    if (run.length === 1) add(run[0]!);
    for (let at = 1; at < run.length; at++) add(run[at - 1]! + run[at]!);
  });
}

function collect(
  text: string,
  max: number,
  cut: (run: readonly string[], add: (word: string) => void) => void,
): ReadonlySet<string> {
  const words = new Set<string>();
  const add = (word: string): void => {
    if (words.size < max) words.add(word);
  };
  for (const [run] of folded(text.slice(0, xmppLimits.wordsTextCharactersMax)).matchAll(runs)) {
    if (words.size >= max) break;
    if (isSpaceless.test(run)) cut([...run], add);
    else add(run.length > xmppLimits.wordCharactersMax ? [...run].slice(0, xmppLimits.wordCharactersMax).join('') : run);
  }
  return words;
}

function folded(text: string): string {
  const lower = text.toLowerCase();
  if (/^[\0-\x7f]*$/.test(lower)) return lower; // the usual case
  return lower.normalize('NFKD').replace(diacritics, '').normalize('NFC').toLowerCase().replaceAll('ς', 'σ');
}
