/** How the pages for a tenant's people look: its name, two colours, and a picture. */
import { z } from 'zod';
import { runtimeLimits } from '../limits.ts';
import type { PolicyKey } from './policy-key.ts';

const { brandNameCharactersMax, brandLogoBytesMax } = runtimeLimits;

export const brandName: PolicyKey<string> = {
  schema: z.string().max(brandNameCharactersMax),
  ...{
    preset: '',
    strictest: '',
    placeholder: 'TEXT',
    text: "the tenant's name on pages for its people; without it, its domain",
  },
  allowed: `at most ${brandNameCharactersMax} characters, or 'none'`,
  fromText: (typed) => (typed === 'none' ? '' : typed),
};

const colour = /^(?:#[0-9a-f]{6})?$/;

function colourKey(text: string): PolicyKey<string> {
  const allowed = "a colour such as #1f6feb, or 'none'";
  return {
    schema: z.string().refine((given) => colour.test(given), { error: `a colour is ${allowed}` }),
    ...{ preset: '', strictest: '', placeholder: 'COLOUR', text, allowed },
    fromText: (typed) => (typed === 'none' ? '' : typed.toLowerCase()),
  };
}

export const brandColour = colourKey('the colour of buttons and links on these pages');
export const brandBackground = colourKey('the colour behind the name of the tenant on these pages');

/** By the bytes with which a file of this type begins. There is no SVG, because it can contain scripts. */
const types: readonly (readonly [type: string, isIt: (bytes: Buffer) => boolean])[] = [
  ['image/png', (bytes) => bytes.subarray(0, 8).equals(Buffer.from('89504e470d0a1a0a', 'hex'))],
  ['image/jpeg', (bytes) => bytes.subarray(0, 3).equals(Buffer.from('ffd8ff', 'hex'))],
  ['image/webp', (bytes) => bytes.toString('latin1', 0, 4) === 'RIFF' && bytes.toString('latin1', 8, 12) === 'WEBP'],
];

/** @param text base64. @returns undefined when there is no picture, or not one that may be shown */
export function readLogo(text: string): { readonly type: string; readonly bytes: Buffer } | undefined {
  const bytes = Buffer.from(text, 'base64');
  const type = types.find(([, isIt]) => isIt(bytes))?.[0];
  return type === undefined || bytes.length > brandLogoBytesMax ? undefined : { type, bytes };
}

const allowedLogo = `a PNG, JPEG or WebP picture of at most ${brandLogoBytesMax} bytes in base64, or 'none'; @FILE is the picture itself`;

export const brandLogo: PolicyKey<string> = {
  schema: z
    .string()
    .max(Math.ceil(brandLogoBytesMax / 3) * 4)
    .refine((given) => given === '' || (/^[A-Za-z0-9+/]+={0,2}$/.test(given) && readLogo(given) !== undefined), {
      error: `a logo is ${allowedLogo}`,
    }),
  ...{ preset: '', strictest: '', placeholder: '@FILE', text: 'the picture beside the name of the tenant on these pages' },
  allowed: allowedLogo,
  isFile: 'base64',
  fromText: (typed) => (typed === 'none' ? '' : typed),
};
