/**
 * XEP-0352 is not offered, but some clients send its elements without looking. They change nothing, and do not end the stream.
 */
import type { StreamFeature } from '../core/stream-feature.ts';

export const clientState: StreamFeature = {
  requires: ['signedIn'],
  elements: ['active', 'inactive'].map((name) => ({ ns: 'urn:xmpp:csi:0', name, handle: () => undefined })),
};
