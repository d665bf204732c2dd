/**
 * XEP-0398: User Avatar to vCard-Based Avatars Conversion. There is one image, the item of XEP-0084 (profile/avatar.ts): vCards get it when they
 * are read (§5.2), a photo in a vCard that is written is published (§3.2), and its hash goes into presence (§4).
 */
import type { AccountFeature } from '../core/feature.ts';

export const avatarConversion: AccountFeature = {
  spec: 'XEP-0398',
  version: '1.0.0',
  title: 'User Avatar to vCard-Based Avatars Conversion',
  note: 'The hash of an image that not everybody may see does not go to rooms and strangers.',
  disco: { account: ['urn:xmpp:pep-vcard-conversion:0'] },
};
