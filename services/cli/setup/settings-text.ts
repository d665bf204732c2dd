/** The text of a new file of settings: each setting with what it means, as a comment unless it is set. */
import { stringify } from 'smol-toml';
import type { Options } from '../core/arguments.ts';
import { keyOf } from '../core/settings-file.ts';

const head = [
  'Settings of Skylark, which `skylark start` and the commands on its data read. A flag such as --domain wins over what stands',
  'here, and so does a variable such as SKYLARK_DOMAIN. `skylark setup --show` prints what holds.',
];

/** @param values by the names of options, as one would type them */
export function settingsText(values: Readonly<Record<string, string>>, known: Options): string {
  const blocks = Object.entries(known).map(([name, { text, allowed, preset }]) => {
    const value = values[name];
    const about = `# ${text}; it takes ${allowed}`;
    return [about, value === undefined ? `# ${line(name, preset ?? '')}` : line(name, value)].join('\n');
  });
  return `${head.map((one) => `# ${one}`).join('\n')}\n\n${blocks.join('\n\n')}\n`;
}

function line(name: string, value: string): string {
  return stringify({ [keyOf(name)]: /^(?:0|[1-9]\d{0,8})$/.test(value) ? Number(value) : value }).trim();
}
