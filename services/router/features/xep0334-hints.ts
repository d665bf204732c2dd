/** XEP-0334: Message Processing Hints. Archive and queue (archive/archive.ts) and carbons (xep0280-carbons.ts) heed them. */
import type { AccountFeature } from '../core/feature.ts';

export const processingHints: AccountFeature = {
  spec: 'XEP-0334',
  version: '1.0.0',
  title: 'Message Processing Hints',
  note: 'A message with a body and `no-store` still waits for a client that is away, in no archive: otherwise it would be lost whenever a connection breaks.',
};
