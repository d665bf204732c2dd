/** XEP-0153: vCard-Based Avatars. The hash in presence is kept right for clients, also for those that do not know of it. */
import type { AccountFeature } from '../core/feature.ts';
import { beginStamping, confirmStamp, noteChoice, stampBroadcast, stampDirected } from '../profile/photo-stamp.ts';

export const vcardAvatars: AccountFeature = {
  spec: 'XEP-0153',
  version: '1.1.1',
  title: 'vCard-Based Avatars',
  note: 'Presence that went to rooms and strangers is not sent again when the avatar changes; the client does that.',
  appearance: { begin: beginStamping, note: noteChoice, amend: stampBroadcast, amendDirected: stampDirected },
  announced: (account, _presence, before, entry) => confirmStamp(account, before, entry),
};
