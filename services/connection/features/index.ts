/** The stream features. To add one: its file, one line here, and its test (docs/contributing.md). */
import type { StreamFeature } from '../core/stream-feature.ts';
import { sasl } from './rfc6120-sasl.ts';
import { startTls } from './rfc6120-starttls.ts';
import { registration } from './xep0077-registration.ts';
import { streamManagement } from './xep0198-stream-management.ts';
import { clientState } from './xep0352-client-state.ts';
import { bind2 } from './xep0386-bind2.ts';
import { sasl2 } from './xep0388-sasl2.ts';
import { streamLimits } from './xep0478-stream-limits.ts';
import { pipelining } from './xep0509-pipelining.ts';

/** In the order in which they are advertised, after those of routers. XEP-0198 §7 asks that a client resumes before it binds. */
export const streamFeatures: readonly StreamFeature[] = [
  startTls,
  sasl,
  sasl2,
  registration,
  streamManagement,
  bind2,
  clientState,
  streamLimits,
  pipelining,
];
