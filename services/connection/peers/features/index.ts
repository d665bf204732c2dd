/** The features of streams of other servers. Adding one: its file, one line here, its test. */
import type { PeerFeature } from '../peer-feature.ts';
import { startTls } from './rfc6120-starttls.ts';
import { external } from './xep0178-external.ts';
import { acks } from './xep0198-acks.ts';
import { dialback } from './xep0220-dialback.ts';
import { bidi } from './xep0288-bidi.ts';
import { streamLimits } from './xep0478-stream-limits.ts';

/** In the order in which they are advertised. */
export const peerFeatures: readonly PeerFeature[] = [startTls, external, dialback, acks, bidi, streamLimits];
