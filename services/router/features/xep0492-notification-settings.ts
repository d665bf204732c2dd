/** XEP-0492: Chat notification settings. Bookmarks carry them, and push heeds them (push/settings.ts). */
import type { AccountFeature } from '../core/feature.ts';

export const notificationSettings: AccountFeature = {
  spec: 'XEP-0492',
  version: '0.2.0',
  title: 'Chat notification settings',
  note: 'Heeded by push, for `client/phone`, where a bookmark of the room or the contact has them, as version 0.2.0 or 0.1.0 does. The specification names no other place: rosters keep none.',
};
