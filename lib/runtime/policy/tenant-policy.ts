/** A tenant's policy: what its operator decides, in one part of its row. Adding a key: its file, one line here, its test. */
import type { z } from 'zod';
import { allow } from './allow.ts';
import { auditDays } from './audit-days.ts';
import { block } from './block.ts';
import { blockLists } from './block-lists.ts';
import { brandBackground, brandColour, brandLogo, brandName } from './brand.ts';
import { certificateCa } from './ca-certificate.ts';
import { callServers } from './call-servers.ts';
import { abuseContacts, adminContacts, securityContacts, supportContacts } from './contacts.ts';
import { dataAccess, dataEncrypted, termsUrl } from './data-policy.ts';
import { expiredSessions } from './expired-sessions.ts';
import { federation } from './federation.ts';
import { guestReach, guestsMax, guestsPerAddress } from './guests.ts';
import { hold } from './hold.ts';
import { inviteDays } from './invite-days.ts';
import { inviteUses } from './invite-uses.ts';
import { invites } from './invites.ts';
import { jwtAudience, jwtClaim, jwtIssuer } from './jwt-claims.ts';
import { jwtKeys } from './jwt-keys.ts';
import { jwtSecret } from './jwt-secret.ts';
import { ldapBase, ldapBindDn, ldapBindSecret, ldapCa, ldapDn, ldapFilter, ldapUrl } from './ldap.ts';
import { newcomerContacts, newcomerRooms } from './newcomers.ts';
import { oauthClaim, oauthClient, oauthScope, oauthSecret, oauthUrl } from './oauth.ts';
import { operators, owners, type PolicyKey } from './policy-key.ts';
import { proof } from './proof.ts';
import { pubsub } from './pubsub.ts';
import { pushResumeHours } from './push-resume.ts';
import { pushSummary } from './push-summary.ts';
import { accountsMax, roomsMax } from './quotas.ts';
import { registration } from './registration.ts';
import { registrationsPerAddress, registrationsPerDay } from './registration-limits.ts';
import { registrationUrl } from './registration-url.ts';
import { removalGraceDays } from './removal-grace.ts';
import { fileRetentionDays, retentionDays, roomRetentionDays } from './retention-days.ts';
import { search } from './search.ts';
import { kilobytesPerSecond, stanzasPerSecond } from './sending.ts';
import { serverInfo } from './server-info.ts';
import { signIn } from './sign-in.ts';
import { statusUrls } from './status-urls.ts';
import { tokenDays } from './token-days.ts';
import { turnSecret } from './turn-secret.ts';
import { fileMegabytes, keptMegabytes, uploadMegabytes } from './uploads.ts';
import { webUrl } from './web-url.ts';
import { webhookSecret, webhookUrl } from './webhook.ts';

export const policyKeys = {
  ...{
    registration,
    retentionDays,
    roomRetentionDays,
    fileRetentionDays,
    search,
    tokenDays,
    federation,
    allow,
    block,
    proof,
    hold,
  },
  ...{ pushResumeHours, pushSummary },
  ...operators({ accountsMax, roomsMax, fileMegabytes, uploadMegabytes, keptMegabytes, stanzasPerSecond, kilobytesPerSecond }),
  ...{ callServers, turnSecret },
  ...{ registrationUrl, invites, inviteDays, inviteUses, ...owners({ webUrl, auditDays }) },
  ...{ brandName, brandColour, brandBackground, brandLogo },
  ...owners({ signIn, jwtIssuer, jwtAudience, jwtClaim, jwtKeys, jwtSecret, certificateCa, expiredSessions }),
  ...owners({ ldapUrl, ldapDn, ldapBase, ldapFilter, ldapBindDn, ldapBindSecret, ldapCa }),
  ...{ registrationsPerDay, registrationsPerAddress, removalGraceDays, newcomerContacts, newcomerRooms },
  ...owners({ webhookUrl, webhookSecret }),
  ...owners({ oauthUrl, oauthClient, oauthSecret, oauthClaim, oauthScope }),
  ...{ blockLists, pubsub, serverInfo },
  ...{ abuseContacts, adminContacts, securityContacts, supportContacts, statusUrls },
  ...{ termsUrl, dataAccess, dataEncrypted },
  ...{ guestsMax, guestsPerAddress, guestReach },
};

type Keys = typeof policyKeys;
export type TenantPolicy = { readonly [Name in keyof Keys]: z.output<Keys[Name]['schema']> };
export type PolicyChange = Partial<TenantPolicy>;

/** The part of a row, whoever wrote it: an older program does not know all keys, and a newer one knows more. */
export function readPolicy(stored: unknown): TenantPolicy {
  const given = (stored ?? {}) as Readonly<Record<string, unknown>>;
  const read = (name: string): unknown => {
    const { schema, preset, strictest, follows } = (policyKeys as Readonly<Record<string, PolicyKey>>)[name]!;
    const parsed = given[name] === undefined ? undefined : schema.safeParse(given[name]);
    if (parsed?.success) return parsed.data;
    if (follows !== undefined) return read(follows);
    return parsed === undefined ? preset : strictest;
  };
  return Object.fromEntries(Object.keys(policyKeys).map((name) => [name, read(name)])) as TenantPolicy;
}
