/** The features of accounts and hosts. To add one, write its file, a line here, and its test (docs/contributing.md). */
import type { AccountFeature } from '../core/feature.ts';
import { session } from './rfc6120-session.ts';
import { presence } from './rfc6121-presence.ts';
import { roster } from './rfc6121-roster.ts';
import { subscription } from './rfc6121-subscription.ts';
import { lastActivity } from './xep0012-last-activity.ts';
import { disco } from './xep0030-disco.ts';
import { privateXml } from './xep0049-private-xml.ts';
import { adHocCommands } from './xep0050-commands.ts';
import { vcard } from './xep0054-vcard.ts';
import { pubsub } from './xep0060-pubsub.ts';
import { bytestreams } from './xep0065-bytestreams.ts';
import { registration } from './xep0077-registration.ts';
import { userAvatar } from './xep0084-avatar.ts';
import { softwareVersion } from './xep0092-version.ts';
import { caps } from './xep0115-caps.ts';
import { serviceAdministration } from './xep0133-administration.ts';
import { vcardAvatars } from './xep0153-vcard-avatars.ts';
import { contacts } from './xep0157-contacts.ts';
import { delayedDelivery, offline } from './xep0160-offline.ts';
import { pep } from './xep0163-pep.ts';
import { anonymous } from './xep0175-anonymous.ts';
import { blocking } from './xep0191-blocking.ts';
import { ping } from './xep0199-ping.ts';
import { entityTime } from './xep0202-time.ts';
import { externalServices } from './xep0215-external-services.ts';
import { portableFormat } from './xep0227-portable.ts';
import { carbons } from './xep0280-carbons.ts';
import { moved } from './xep0283-moved.ts';
import { vcard4 } from './xep0292-vcard4.ts';
import { archive } from './xep0313-archive.ts';
import { processingHints } from './xep0334-hints.ts';
import { privilegedEntity } from './xep0356-privileged-entity.ts';
import { push } from './xep0357-push.ts';
import { stableIds } from './xep0359-stable-ids.ts';
import { fileUpload } from './xep0363-file-upload.ts';
import { blockReports } from './xep0377-block-reports.ts';
import { preauthenticatedSubscription } from './xep0379-preauth-subscription.ts';
import { avatarConversion } from './xep0398-avatar-conversion.ts';
import { invitations } from './xep0401-invites.ts';
import { bookmarks } from './xep0402-bookmarks.ts';
import { roomSelfPing } from './xep0410-self-ping.ts';
import { orderBy } from './xep0413-order-by.ts';
import { retraction } from './xep0424-retraction.ts';
import { fullTextSearch } from './xep0431-full-text-search.ts';
import { archivePreferences } from './xep0441-archive-preferences.ts';
import { preauthenticatedRegistration } from './xep0445-preauth.ts';
import { outageStatus } from './xep0455-outage-status.ts';
import { typeFilter } from './xep0462-type-filter.ts';
import { socialFeed } from './xep0472-social-feed.ts';
import { fast } from './xep0484-fast.ts';
import { serverInformation } from './xep0485-server-info.ts';
import { displayedSync } from './xep0490-displayed-sync.ts';
import { notificationSettings } from './xep0492-notification-settings.ts';
import { clientAccess } from './xep0494-client-access.ts';
import { spaces } from './xep0503-spaces.ts';
import { dataPolicy } from './xep0504-data-policy.ts';

export const features: readonly AccountFeature[] = [
  session,
  roster,
  subscription,
  presence,
  disco,
  adHocCommands,
  serviceAdministration,
  privateXml,
  vcard,
  vcard4,
  userAvatar,
  vcardAvatars,
  avatarConversion,
  pubsub,
  orderBy,
  typeFilter,
  socialFeed,
  spaces,
  registration,
  preauthenticatedRegistration,
  preauthenticatedSubscription,
  moved,
  invitations,
  softwareVersion,
  caps,
  offline,
  delayedDelivery,
  pep,
  anonymous,
  contacts,
  outageStatus,
  blocking,
  ping,
  entityTime,
  lastActivity,
  carbons,
  archive,
  fullTextSearch,
  retraction,
  processingHints,
  privilegedEntity,
  push,
  stableIds,
  externalServices,
  portableFormat,
  fileUpload,
  bookmarks,
  roomSelfPing,
  archivePreferences,
  fast,
  displayedSync,
  notificationSettings,
  clientAccess,
  blockReports,
  bytestreams,
  dataPolicy,
  serverInformation,
];
