/**
 * XEP-0084: User Avatar. Clients publish the image and what is said of it in two nodes of PEP; other features show it in vCards and presence
 * (XEP-0398). Without options the nodes are for those who see the account's presence, as all of PEP is (XEP-0163 §4).
 */
import type { AccountFeature } from '../core/feature.ts';
import { defaultConfig } from '../pep/node-config.ts';
import { dataNs, metadataNs } from '../profile/avatar.ts';
import { followAvatar } from '../profile/avatar-change.ts';

export const userAvatar: AccountFeature = {
  spec: 'XEP-0084',
  version: '1.1.4',
  title: 'User Avatar',
  note: 'Images at addresses of HTTP, and pointers, are shown to clients and not fetched.',
  nodes: [
    { name: dataNs, config: defaultConfig, changed: followAvatar },
    { name: metadataNs, config: defaultConfig, changed: followAvatar },
  ],
};
