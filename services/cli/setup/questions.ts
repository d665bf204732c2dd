/** The five questions of `skylark setup`, what is proposed for each, and what an answer writes into the file of settings. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Option } from '../core/arguments.ts';
import type { Reach } from './setup-options.ts';
import { typedSettings } from './setup-options.ts';

/** Settings by the names of options, as one would type them. */
export type Answers = Record<string, string>;

/** The machine on which the service will run. */
export interface Machine {
  readonly hostName: string;
  readonly isRoot: boolean;
  /** True when others can reach it by IPv6. */
  readonly hasIpv6: boolean;
}

export interface Question {
  readonly text: string;
  /** More lines, such as what each answer means. */
  readonly about: readonly string[];
  /** True when flags have answered it. */
  isAnswered(given: Answers, reach: Reach | undefined): boolean;
  proposal(answers: Answers, machine: Machine): string;
  /** @returns why the answer cannot be taken */
  refuse(answer: string): string | undefined;
  /** @returns settings that the answer stands for */
  settings(answer: string, answers: Answers, machine: Machine): Answers;
  /** Questions that the answer leads to. */
  more?(answer: string): readonly Question[];
}

const refuseBy =
  ({ allowed, schema }: Option<unknown>) =>
  (answer: string) =>
    schema.safeParse(answer).success ? undefined : `it takes ${allowed}`;

const refuseOther =
  (...choices: readonly string[]) =>
  (answer: string) =>
    choices.includes(answer) ? undefined : `it takes ${choices.map((choice) => `'${choice}'`).join(' or ')}`;

function pemQuestion(name: 'cert' | 'key', text: string, file: string): Question {
  return {
    ...{ text, about: [], refuse: (answer) => (existsSync(answer) ? undefined : `there is no file '${answer}'`) },
    isAnswered: () => false,
    proposal: ({ domain }) => `/etc/letsencrypt/live/${domain}/${file}`,
    settings: (answer) => ({ [name]: resolve(answer) }),
  };
}

const certificateFiles = [
  pemQuestion('cert', 'Which file has the certificate and its chain?', 'fullchain.pem'),
  pemQuestion('key', 'Which file has its private key?', 'privkey.pem'),
];

const portsOfReach: Readonly<Record<Reach, (machine: Machine) => Answers>> = {
  here: () => ({ bind: '127.0.0.1' }),
  everyone: ({ hasIpv6 }) => ({ bind: hasIpv6 ? '::' : '0.0.0.0' }),
  web: ({ hasIpv6 }) => ({ bind: hasIpv6 ? '::' : '0.0.0.0', httpsPort: '443' }),
};

/** A name without a dot, and one that only this machine knows, is what nobody else connects to. */
const isLocal = (domain: string) => !domain.includes('.') || domain.endsWith('.local') || domain.endsWith('.localdomain');

const refuseDomain = refuseBy(typedSettings.domain!);

export const questions: readonly Question[] = [
  {
    text: 'Which domain are the accounts at, as in name@DOMAIN?',
    about: [],
    isAnswered: ({ domain }) => domain !== undefined,
    proposal: (_answers, { hostName }) => (isLocal(hostName) || refuseDomain(hostName) ? 'localhost' : hostName),
    refuse: refuseDomain,
    settings: (domain) => ({ domain }),
  },
  {
    text: 'Which folder is everything kept in?',
    about: [],
    isAnswered: ({ data }) => data !== undefined,
    proposal: (_answers, { isRoot }) => (isRoot ? '/var/lib/skylark' : './data'),
    refuse: refuseBy(typedSettings.data!),
    settings: (data) => ({ data: resolve(data) }),
  },
  {
    text: 'Where does the certificate come from?',
    about: [
      'self   it is made at the first start; clients ask whether to trust it',
      'files  two files (PEM) that another program renews, such as certbot',
      'store  the store of the service, where `skylark certificate add` or `renew` (ACME) puts one for each domain',
    ],
    isAnswered: ({ cert, key, certificates }) => cert !== undefined || key !== undefined || certificates !== undefined,
    proposal: () => 'self',
    refuse: refuseOther('self', 'files', 'store'),
    settings: (answer): Answers => (answer === 'store' ? { certificates: 'store' } : {}),
    more: (answer) => (answer === 'files' ? certificateFiles : []),
  },
  {
    text: 'May anybody make an account: open or closed?',
    about: [],
    isAnswered: ({ registration }) => registration !== undefined,
    proposal: ({ domain = '' }) => (isLocal(domain) ? 'open' : 'closed'),
    refuse: refuseOther('open', 'closed'),
    settings: (registration) => ({ registration }),
  },
  {
    text: 'Who connects?',
    about: [
      'here      this machine alone',
      'everyone  everyone: 5222 and 5223 are for clients, 5269 and 5270 for other servers, 5443 for browsers',
      'web       the same, with 443 for browsers',
    ],
    isAnswered: ({ bind }, reach) => bind !== undefined || reach !== undefined,
    proposal: ({ domain = '' }) => (isLocal(domain) ? 'here' : 'everyone'),
    refuse: refuseOther('here', 'everyone', 'web'),
    settings: (answer, _answers, machine) => portsOfReach[answer as Reach](machine),
  },
];

/** @returns the settings of a reach that a flag names */
export function reachSettings(reach: Reach, machine: Machine): Answers {
  return portsOfReach[reach](machine);
}
