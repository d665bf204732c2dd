/** What the pages for a tenant's people say, in the languages for which there is a file. */
import { languageOf, Texts, type TextTree } from '../../../lib/runtime/texts.ts';
import en from './texts/en.json' with { type: 'json' };
import zh from './texts/zh.json' with { type: 'json' };

const trees = { en: en as TextTree, zh: zh as TextTree } as const;

export type Language = keyof typeof trees;
export type PageTexts = Texts<Language>;

export const languages: readonly { readonly code: Language; readonly name: string }[] = [
  { code: 'en', name: 'English' },
  { code: 'zh', name: '中文' },
];

function isLanguage(text: string | undefined): text is Language {
  return languages.some(({ code }) => code === text);
}

/** @param chosen on the page, or else what the browser asks for */
export function textsFor(chosen: string | undefined, accept: string | undefined): PageTexts {
  return new Texts(trees, isLanguage(chosen) ? chosen : languageOf(accept, isLanguage));
}
