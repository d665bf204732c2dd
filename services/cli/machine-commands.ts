/** The commands that make this machine run the service. */
import { type Command, command } from './command.ts';
import { type SetupValues, setupOptions } from './setup/setup-options.ts';

export const machineCommands: readonly Command[] = [
  command({
    name: 'setup',
    summary: 'asks five questions, and writes the file of settings that `skylark start` reads',
    text: [
      'Each question can be answered by a flag: --domain, --data, --cert and --key or --certificates, --registration, --reach.',
      'Every other setting of `skylark start` is taken as well. The file has all settings, with what they mean.',
    ],
    options: setupOptions,
    run: async (values, positionals) => (await import('./setup/setup.ts')).setup(values as SetupValues, positionals),
  }),
];
