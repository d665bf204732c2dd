/** The commands that move accounts between servers, in the format of XEP-0227. */
import { anyTimeText, type Command, command } from './command.ts';
import * as options from './commands/portable-options.ts';

export const portableCommands: readonly Command[] = [
  command({
    name: 'import',
    positionals: ['FILE', '[DOMAIN]'],
    summary: 'takes in the accounts of a tenant from a file that another server has written (XEP-0227)',
    text: [
      'It takes keys of passwords, rosters, requests, vCards, private XML, whom somebody blocks, nodes of PEP, messages that nobody has got yet,',
      'and the archive. A line for each account says what was done, and what was left out goes to stderr with its place.',
      'The tenant must be there. Accounts that are there already are left alone, unless --merge is given. An import that was interrupted is',
      'given again: it goes on, and doubles nothing. Nobody is let into an account before all of it is there.',
      ...anyTimeText,
    ],
    options: options.importOptions,
    run: async (values, positionals) => (await import('./commands/import.ts')).importFile(values, positionals),
  }),
  command({
    name: 'export',
    positionals: ['DOMAIN|JID', 'FILE'],
    summary: 'writes all accounts of a tenant, or one, into a file that other servers take in (XEP-0227)',
    text: [
      'Whoever has the file has the messages, and keys with which passwords can be guessed: only its owner may read it.',
      'Rooms, uploaded files and sessions are not in it.',
      ...anyTimeText,
    ],
    options: options.exportOptions,
    run: async (values, positionals) => (await import('./commands/export.ts')).exportFile(values, positionals),
  }),
];
