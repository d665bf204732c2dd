/** All that the parts of the program declare for Prometheus, of all services: a process shows those of the others without a line. */
import { type Figure, figuresOf } from '../../../lib/runtime/figures.ts';
import { storeCalls } from '../../../lib/runtime/measured-store.ts';
import { trafficFigures } from '../../../lib/runtime/traffic.ts';
import { streamFeatures } from '../../connection/features/index.ts';
import { features as roomFeatures } from '../../muc/features/index.ts';
import { routerFigures } from '../../router/figures.ts';
import { uploadedBytes, uploads } from '../../web/files.ts';

export const figures: readonly Figure[] = [
  ...[storeCalls, ...trafficFigures],
  ...routerFigures,
  ...[uploads, uploadedBytes],
  ...figuresOf([...streamFeatures, ...roomFeatures]),
];
