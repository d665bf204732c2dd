/** The commands that make this machine run the service. */
import { type Command, command } from './command.ts';
import { serviceInstallOptions } from './setup/service-options.ts';
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
  command({
    name: 'service install',
    summary: 'makes the service start with this machine, under systemd and as a user of its own',
    text: [
      'It needs the file of settings that `skylark setup` writes, and root. It makes the user and the data folder, writes',
      '/etc/systemd/system/skylark.service, and starts the service. When the settings get other ports or another folder, say it again.',
    ],
    options: serviceInstallOptions,
    run: async (values, positionals) => (await import('./setup/service-install.ts')).installService(values, positionals),
  }),
];
