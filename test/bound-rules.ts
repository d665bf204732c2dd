/** A check of the product's source text: a bound stands in a `limits.ts`, where its unit, its reason and its neighbours are seen. */

import { readCode } from './tidy-code.ts';
import type { Rule } from './tidy-rules.ts';

/** What a bound's name ends with, or has before another word. */
const boundWord =
  '(?:[a-z]\\w*(?:Max|Min|Ms|Bytes|PerSecond|PerRound|PerRequest|Burst|Seconds|Minutes|Tries|Attempts)|(?:\\w*[tT]imeout|tries|attempts|backlog|retries)\\w*)';
/** Numbers alone: what is derived from another bound says so itself. */
const figure = '-?\\d[\\d_.]*(?:\\s*(?:[-+*/%]|\\*\\*|<<)\\s*\\d[\\d_.]*)*';

const constant = new RegExp(
  `\\b(?:const|let|readonly|static)\\s+#?(${boundWord}(?:[A-Z]\\w*)?)\\s*(?::\\s*number\\s*)?=\\s*(${figure})\\s*[;,]`,
  'g',
);
const property = new RegExp(`[{,(]\\s*(${boundWord}(?:[A-Z]\\w*)?):\\s*(${figure})(?=\\s*[,})])`, 'g');
const pause =
  /\b((?:setTimeout|setInterval|sleep|after|pause)\((?:[^()]|\([^()]*\))*?\b|AbortSignal\.timeout\()(\d[\d_]+)\b(?=\s*[,)])/g;
const length = /\b(length|byteLength\([^()]*\)|size)\s*(?:[<>]=?|===)\s*(\d[\d_]{2,})\b/g;

/** Sizes that a format of wire or rows fixes, and lengths of units of time. They are facts that nobody could choose otherwise. */
const fixed =
  /^(?:(?:nonce|tag|key|keys|head|header|fixed|page|salt|secret|ticketKeys|incarnation|unguessable)Bytes|(?:second|minute|hour|day|span)Ms)$/;
/** The model of what a month costs: prices and measured figures. */
const model = /^services\/cli\/cost\//;

/** Bounds that stand outside of `limits.ts`: named constants and properties, pauses, and lengths that something is compared with. */
export const boundFaults: Rule = (path, text) => {
  if (/(?:^|[/-])limits\.ts$/.test(path) || model.test(path)) return [];
  const { bare } = readCode(text);
  return [constant, property, pause, length].flatMap((pattern) =>
    [...bare.matchAll(pattern)].flatMap((match) => {
      const [, name = '', value = ''] = match;
      // 0 and 1 turn something off and on.
      if (fixed.test(name) || /^-?[01]$/.test(value)) return [];
      const line = bare.slice(0, match.index).split('\n').length;
      return [`${path}:${line} has the bound ${match[0].replaceAll(/\s+/g, ' ').trim()}; it belongs into a limits.ts`];
    }),
  );
};
