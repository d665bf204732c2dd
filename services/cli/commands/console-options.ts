/** The options of `skylark console`. */
import { z } from 'zod';
import type { Option, Options } from '../core/arguments.ts';
import { json } from '../core/options.ts';
import { place } from './account-options.ts';

export const webUrl: Option<string> = {
  placeholder: 'URL',
  text: 'where the web pages are',
  allowed: 'the beginning of a URL without a path, such as https://chat.example.org',
  schema: z
    .string()
    .refine((text) => URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).pathname === '/')
    .transform((text) => new URL(text).origin),
  preset: 'http://localhost:5280',
};

export const consoleOptions = { webUrl, json, ...place } satisfies Options;
