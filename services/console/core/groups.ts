/** Which fields of a long form stand together, and under which title (`policyGroups` of the texts). */
import type { FormField } from './fields.ts';

export interface FieldGroup {
  readonly key: string;
  readonly fields: readonly FormField[];
}

/** The parts of the form of the policy. A key of the policy that has no place here stands among the last. */
const policy: Readonly<Record<string, readonly string[]>> = {
  people: [
    ...['registration', 'registrationUrl', 'registrationsPerDay', 'registrationsPerAddress', 'removalGraceDays'],
    ...['newcomerContacts', 'newcomerRooms'],
  ],
  invites: ['invites', 'inviteDays', 'inviteUses', 'webUrl'],
  brand: ['brandName', 'brandColour', 'brandBackground', 'brandLogo'],
  signIn: ['signIn', 'tokenDays', 'expiredSessions', 'certificateCa'],
  jwt: ['jwtIssuer', 'jwtAudience', 'jwtClaim', 'jwtKeys', 'jwtSecret'],
  oauth: ['oauthUrl', 'oauthClient', 'oauthSecret', 'oauthClaim', 'oauthScope'],
  webhook: ['webhookUrl', 'webhookSecret'],
  ldap: ['ldapUrl', 'ldapDn', 'ldapBase', 'ldapFilter', 'ldapBindDn', 'ldapBindSecret', 'ldapCa'],
  guests: ['guestsMax', 'guestsPerAddress', 'guestReach'],
  retention: ['retentionDays', 'roomRetentionDays', 'fileRetentionDays', 'auditDays', 'search'],
  quotas: [
    ...['accountsMax', 'roomsMax', 'fileMegabytes', 'uploadMegabytes', 'keptMegabytes'],
    ...['stanzasPerSecond', 'kilobytesPerSecond'],
  ],
  push: ['pushResumeHours', 'pushSummary', 'callServers', 'turnSecret'],
  federation: ['federation', 'allow', 'block', 'proof', 'hold', 'blockLists', 'serverInfo'],
  services: ['pubsub'],
  contacts: ['abuseContacts', 'adminContacts', 'securityContacts', 'supportContacts', 'statusUrls'],
  data: ['termsUrl', 'dataAccess', 'dataEncrypted'],
};
const last = 'more';

export const policyGroupKeys: readonly string[] = [...Object.keys(policy), last];

/** @returns one group where the form of the operation is short */
export function groupsOf(operation: string, fields: readonly FormField[]): readonly FieldGroup[] {
  if (operation !== 'tenant-set') return [{ key: last, fields }];
  const byName = new Map(fields.map((field) => [field.name, field]));
  const found = Object.entries(policy).map(([key, names]) => {
    const inIt = names.flatMap((name) => byName.get(name) ?? []);
    for (const { name } of inIt) byName.delete(name);
    return { key, fields: inIt };
  });
  return [...found, { key: last, fields: [...byName.values()] }].filter((group) => group.fields.length > 0);
}
