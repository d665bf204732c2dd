/** The commands about programs of a tenant: tokens for its app, and webhooks. */
import { anyTimeText, type Command, command } from './command.ts';
import * as options from './commands/account-options.ts';
import * as tokenOptions from './commands/token-options.ts';
import * as webhookOptions from './commands/webhook-options.ts';

export const programCommands: readonly Command[] = [
  command({
    name: 'token create',
    positionals: ['JID'],
    summary: 'prints a token with which a client of an account signs in for some minutes',
    text: [
      "It is for an app's own server, where the policy of the tenant has `api` among the ways to sign in. The client shows it by",
      'OAUTHBEARER, or as the password of PLAIN. The service has to run: it has the keys of which tokens are made.',
    ],
    options: tokenOptions.tokenCreateOptions,
    run: async (values, positionals) => (await import('./commands/tokens.ts')).createToken(values, positionals),
  }),
  command({
    name: 'token revoke',
    positionals: ['JID'],
    summary: 'voids the tokens of an account; sessions that are open go on',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/tokens.ts')).revokeTokens(values, positionals),
  }),
  command({
    name: 'webhook add',
    positionals: ['DOMAIN', 'URL'],
    summary: 'has events of a tenant posted to an https address, and prints once what signs them',
    text: [
      'What cannot be posted is tried again for three days. Addresses in private networks are refused. The service has to run.',
    ],
    options: webhookOptions.webhookAddOptions,
    run: async (values, positionals) => (await import('./commands/webhooks.ts')).addWebhook(values, positionals),
  }),
  command({
    name: 'webhook list',
    positionals: ['DOMAIN'],
    summary: 'prints the webhooks of a tenant, and how it goes with them',
    text: anyTimeText,
    options: options.runningListOptions,
    run: async (values, positionals) => (await import('./commands/webhooks.ts')).listWebhooks(values, positionals),
  }),
  command({
    name: 'webhook test',
    positionals: ['DOMAIN', 'ID'],
    summary: 'posts a test event to a webhook at once, and tells whether it was taken',
    text: ['The service has to run.'],
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/webhooks.ts')).testWebhook(values, positionals),
  }),
  command({
    name: 'webhook remove',
    positionals: ['DOMAIN', 'ID'],
    summary: 'removes a webhook, with what waits for it',
    text: anyTimeText,
    options: options.runningOptions,
    run: async (values, positionals) => (await import('./commands/webhooks.ts')).removeWebhook(values, positionals),
  }),
];
