/** What the console says, in the languages for which there is a file. */
import { Texts as TextsOf, type TextTree, languageOf as wantedLanguage } from '../../../lib/runtime/texts.ts';
import en from '../texts/en.json' with { type: 'json' };
import zh from '../texts/zh.json' with { type: 'json' };

const languages = { en: { name: 'English', tree: en as TextTree }, zh: { name: '中文', tree: zh as TextTree } } as const;

export type Language = keyof typeof languages;

export const languageNames = Object.entries(languages).map(([code, { name }]) => ({ code: code as Language, name }));

const trees = { en: languages.en.tree, zh: languages.zh.tree };

export class Texts extends TextsOf<Language> {
  constructor(language: Language) {
    super(trees, language);
  }

  /** A value that the schema of an operation names, such as `closed`, in words. */
  choice(value: string): string {
    return this.find(`choices.${value}`) ?? value;
  }
}

export function isLanguage(text: string | undefined): text is Language {
  return text !== undefined && Object.hasOwn(languages, text);
}

export function languageOf(accept: string | undefined): Language {
  return wantedLanguage(accept, isLanguage);
}
