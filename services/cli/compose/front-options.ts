/** The options of the port for a CDN (front-part.ts). */
import { extraPortOption, type Options, optionalText } from '../core/arguments.ts';

export const frontOptions = {
  frontPort: extraPortOption(
    'port of an api process, or of all, for requests that a CDN passes on in plain HTTP (needs --front-key)',
  ),
  frontKey: optionalText(
    'KEY',
    'what the CDN proves itself with: the value of the header x-skylark-front of each of its requests',
    '32 to 256 letters, digits, hyphens and underscores, such as 64 random ones',
    /^[\w-]{32,256}$/,
  ),
} satisfies Options;
